// One network's view of a picture: network and layer, receptive field, distribution, feature maps.

import { change } from "../api/address.js";
import { get, raw } from "../api/requests.js";
import { histogram } from "../parts/charts.js";
import { choice, h, put } from "../parts/dom.js";
import { number, percent, whole } from "../parts/format.js";
import { awaited, say } from "../parts/notices.js";
import { table } from "../parts/table.js";
import { T } from "../strings.js";

const STRONGEST = 8;
const SMALL = 300; // a layer whose places see no more pixels than this shows best what a receptive field is

/** The column of a number, "1" or "2": its network and layer stand in the address as n1, t1 and n2, t2. */
export function column(which, { source, picture, src, networks, usual }) {
  const tools = h("div", { class: "tools-row" });
  const body = h("div", { class: "column" });
  const element = h("section", { "aria-label": T.inspect.column(which) }, tools, body);
  let asked = null;

  const named = (address) => {
    const network =
      networks.find((one) => one.name === (address[`n${which}`] ?? usual)) ??
      networks.find((one) => one.ready) ??
      networks[0];
    const tap =
      network.taps.find((one) => one.name === address[`t${which}`]) ??
      network.taps.findLast((one) => one.stride > 0 && one.field < SMALL) ??
      network.taps[0];
    return { network, tap };
  };

  const drawTools = ({ network, tap }) =>
    put(
      tools,
      choice(
        T.inspect.network,
        networks.map((one) => [one.name, one.ready ? one.name : T.inspect.missing(one.name)]),
        network.name,
        (name) => change({ [`n${which}`]: name, [`t${which}`]: null }, { replace: true }),
      ),
      choice(
        T.inspect.tap,
        network.taps.map((one) => [one.name, one.name]),
        tap.name,
        (name) => change({ [`n${which}`]: network.name, [`t${which}`]: name }, { replace: true }),
      ),
    );

  const facts = (statistics) => {
    const names = T.inspect.facts;
    const all = [
      [names.channels, whole(statistics.channels)],
      [names.size, statistics.height ? `${statistics.width} × ${statistics.height}` : "1 × 1"],
      [names.stride, T.inspect.pixels(statistics.stride)],
      [names.field, statistics.field ? T.inspect.pixels(statistics.field) : "–"],
      [names.mean, number(statistics.mean)],
      [names.deviation, number(statistics.deviation)],
      [names.maximum, number(statistics.maximum)],
      [names.zeros, percent(statistics.zeros)],
    ];
    return h(
      "dl",
      { class: "facts tight" },
      all.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
  };

  const mapOf = (ask, channel) => raw("/inspect/map.png", { ...ask, channel });

  const overlay = (pointer, ask, strongest) => {
    const choices = [
      ["", T.inspect.overlay],
      ...strongest.map((one) => [String(one.channel), T.inspect.channel(one.channel)]),
    ];
    return choice(T.inspect.show, choices, "", (channel) =>
      pointer.overlay(channel === "" ? null : mapOf(ask, channel)),
    );
  };

  /** The maps of some channels side by side; one that is pressed is laid over the picture. */
  const sheet = (ask, { width, height }, strongest, over) =>
    h(
      "ul",
      { class: "maps" },
      strongest.map(({ channel }) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              "aria-label": T.inspect.layOver(channel),
              onclick: () => {
                const list = over.querySelector("select");
                list.value = String(channel);
                list.dispatchEvent(new Event("change"));
              },
            },
            h("img", { src: mapOf(ask, channel), alt: "", width, height }),
            h("span", { class: "quiet" }, channel),
          ),
        ),
      ),
    );

  const draw = ({ network, tap }) =>
    awaited(body, T.inspect.working, async (signal) => {
      const key = asked;
      const ask = { ...source, network: network.name, tap: tap.name };
      const statistics = await get("/inspect/statistics", ask, signal);
      if (key !== asked) return;
      const pointer = fieldPicture(ask, picture, src);
      const strongest = statistics.strongest.slice(0, STRONGEST);
      const columns = [
        {
          name: T.inspect.channel("").trim(),
          value: (one) => one.channel,
          kind: "number",
          show: (one) => T.inspect.channel(one.channel),
        },
        {
          name: T.inspect.facts.mean,
          value: (one) => one.mean,
          kind: "number",
          show: (one) => number(one.mean),
        },
        {
          name: T.inspect.facts.maximum,
          value: (one) => one.maximum,
          kind: "number",
          show: (one) => number(one.maximum),
        },
      ];
      const mapped = statistics.height !== null;
      const over = mapped && overlay(pointer, ask, statistics.strongest);
      put(
        body,
        h(
          "div",
          { class: "stack" },
          mapped
            ? [pointer.element, over, facts(statistics)]
            : [h("p", { class: "quiet" }, T.inspect.vector), facts(statistics)],
        ),
        h(
          "div",
          { class: "stack" },
          h("h2", {}, T.inspect.distribution),
          histogram(statistics.histogram, T.inspect.histogram),
          mapped && [
            h("h2", {}, T.inspect.all),
            sheet(ask, statistics, statistics.strongest, over),
            h("h2", {}, T.inspect.strongest),
            table({ label: T.inspect.strongest, columns, rows: strongest }),
          ],
        ),
      );
    });

  return {
    element,
    update(address) {
      if (which === "2" && !address.n2) {
        asked = null;
        return put(body);
      }
      const chosen = named(address);
      const key = JSON.stringify([chosen.network.name, chosen.tap.name]);
      if (key === asked) return;
      asked = key;
      drawTools(chosen);
      draw(chosen);
    },
  };
}

/** The picture, with the receptive field of the place under the pointer. */
function fieldPicture(ask, picture, src) {
  const { width, height } = picture;
  const frame = h("div", { class: "found", hidden: true });
  const layer = h("div", { class: "layer" });
  const words = h("p", { class: "quiet" }, T.inspect.pointer);
  const view = h(
    "div",
    {
      class: "plain pointing",
      tabindex: "0",
      role: "application",
      "aria-label": T.inspect.pointerLabel(picture.name ?? ""),
      vars: { shape: `${width} / ${height}`, ratio: width / height },
    },
    h("img", { src, alt: "", width, height, draggable: "false" }),
    layer,
    frame,
  );
  let here = { x: width / 2, y: height / 2 };
  let busy = false;
  let wanted = null;

  async function show() {
    if (busy || !wanted) return;
    const { x, y } = wanted;
    wanted = null;
    busy = true;
    try {
      const { cell, box, size } = await get("/inspect/field", { ...ask, x: Math.round(x), y: Math.round(y) });
      const [x1, y1, x2, y2] = [
        Math.max(0, box[0]),
        Math.max(0, box[1]),
        Math.min(width, box[2]),
        Math.min(height, box[3]),
      ];
      frame.hidden = false;
      frame.style.left = `${(100 * x1) / width}%`;
      frame.style.top = `${(100 * y1) / height}%`;
      frame.style.width = `${(100 * (x2 - x1)) / width}%`;
      frame.style.height = `${(100 * (y2 - y1)) / height}%`;
      words.textContent = `${T.inspect.cell(...cell)} · ${T.inspect.facts.field} ${T.inspect.pixels(size)}`;
    } catch (error) {
      words.textContent = error.message;
    } finally {
      busy = false;
      if (wanted) setTimeout(show, 60);
    }
  }

  const look = (x, y) => {
    here = { x: Math.min(width - 1, Math.max(0, x)), y: Math.min(height - 1, Math.max(0, y)) };
    wanted = here;
    show();
  };
  const pointed = (event) => {
    const area = view.getBoundingClientRect();
    look(
      ((event.clientX - area.left) / area.width) * width,
      ((event.clientY - area.top) / area.height) * height,
    );
  };
  view.addEventListener("pointermove", pointed);
  view.addEventListener("pointerdown", pointed);
  view.addEventListener("keydown", (event) => {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!arrow) return;
    event.preventDefault();
    const step = Math.max(width, height) / 24;
    look(here.x + arrow[0] * step, here.y + arrow[1] * step);
    setTimeout(() => say(words.textContent), 400);
  });

  return {
    element: h("div", {}, view, words),
    overlay(address) {
      put(layer, address && h("img", { class: "heat whole", src: address, alt: "" }));
    },
  };
}
