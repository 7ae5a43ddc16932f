// Why a hit was found: both pictures side by side, with heat, matching places joined, and the found region.

import { account, isPlain } from "./account.js";
import { change, current, readQuery } from "../api/address.js";
import { describe, get, inside, post, queryPicture, raw } from "../api/requests.js";
import { boxEditor } from "../parts/box.js";
import { button, h, icon, put, svg, typing } from "../parts/dom.js";
import { dialog } from "../parts/dialogs.js";
import { measures, percent } from "../parts/format.js";
import { fail, problem, working } from "../parts/notices.js";
import { judge, request, searchFor } from "./results.js";
import { session } from "../api/session.js";
import { T } from "../strings.js";
import { copyPaths } from "../parts/taking.js";
import { zoomer } from "../parts/zoom.js";

const SIDE = 700;
const LARGE = 1920;
const CELL = 128; // parts begin and end at multiples of so many pixels: a small step asks for nothing new
const SETTLED = 200; // milliseconds without a step, after which the original's pixels are asked for
const LINES = 60; // the heaviest; more cannot be told apart

/** An element laid over a region of a picture. */
function over(kind, [x1, y1, x2, y2], { width, height }, props = {}, tag = "div") {
  const element = h(tag, { class: kind, ...props });
  element.style.left = `${(100 * x1) / width}%`;
  element.style.top = `${(100 * y1) / height}%`;
  element.style.width = `${(100 * (x2 - x1)) / width}%`;
  element.style.height = `${(100 * (y2 - y1)) / height}%`;
  return element;
}

const heat = (side) => over("heat", side.region, side, { src: side.png, alt: "" }, "img");

/** The corners of what is looked for, where it was verified to lie. */
const outline = ({ outline, hit: { width, height } }) =>
  svg(
    "svg",
    { class: "lines", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polygon", { class: "outlined", points: outline.map((corner) => corner.join(",")).join(" ") }),
  );

/** Lines between the middles of matching places, drawn over both panes. */
function lines(stage, panes, answer) {
  const layer = svg("svg", { class: "lines", "aria-hidden": "true" });
  const best = [...answer.matches].sort((a, b) => b.weight - a.weight).slice(0, LINES);
  const heaviest = best[0]?.weight || 1;
  const draw = () => {
    const base = stage.getBoundingClientRect();
    const end = ({ element, inner }, side, [x1, y1, x2, y2]) => {
      const area = inner.getBoundingClientRect();
      const seen = element.getBoundingClientRect();
      const x = area.left + ((x1 + x2) / 2 / side.width) * area.width;
      const y = area.top + ((y1 + y2) / 2 / side.height) * area.height;
      const inside = x >= seen.left && x <= seen.right && y >= seen.top && y <= seen.bottom;
      return inside ? [x - base.left, y - base.top] : null;
    };
    layer.replaceChildren(
      ...best.flatMap((match) => {
        const ends = [end(panes[0], answer.query, match.query), end(panes[1], answer.hit, match.hit)];
        if (ends.includes(null)) return [];
        const [[xa, ya], [xb, yb]] = ends;
        const strength = (0.25 + (0.75 * match.weight) / heaviest).toFixed(2);
        return [
          svg("line", { x1: xa, y1: ya, x2: xb, y2: yb, opacity: strength }),
          svg("circle", { cx: xa, cy: ya, r: 3 }),
          svg("circle", { cx: xb, cy: yb, r: 3 }),
        ];
      }),
    );
  };
  const watcher = new ResizeObserver(draw);
  watcher.observe(stage);
  panes.forEach(({ element }) => watcher.observe(element));
  return { layer, draw, close: () => watcher.disconnect() };
}

export function whyDialog(results, { closed }) {
  const title = h("span", {});
  const stage = h("div", { class: "stage" });
  const text = h("div", { class: "reason", "aria-live": "polite" });
  const known = h("p", { class: "quiet known" });
  const judging = h("div", { class: "buttons" });
  const step = (by, label, name) => button(label, { name, shown: false, onclick: () => walk(by) });
  const toggle = (kind) => {
    const box = h("input", {
      type: "checkbox",
      checked: true,
      onchange: () => stage.classList.toggle(kind, !box.checked),
    });
    return box;
  };
  const warmth = toggle("cold");
  const joined = toggle("bare");
  const head = h(
    "div",
    { class: "why-head" },
    title,
    h(
      "div",
      { class: "buttons" },
      button(T.map.closer, { name: "add", shown: false, onclick: () => near?.closer() }),
      button(T.map.farther, { name: "minus", shown: false, onclick: () => near?.farther() }),
      step(-1, T.why.previous, "left"),
      step(1, T.why.next, "right"),
      button(T.close, { name: "close", shown: false, onclick: () => box.close() }),
    ),
  );
  const foot = h(
    "div",
    { class: "why-foot" },
    h("div", {}, text, known),
    h(
      "div",
      { class: "switches" },
      h("label", { class: "check switch" }, warmth, h("span", {}, T.why.heat)),
      h("label", { class: "check switch" }, joined, h("span", {}, T.why.drawn)),
      h(
        "p",
        { class: "quiet legend" },
        h("span", { class: "more" }, T.why.gives),
        h("span", { class: "less" }, T.why.takes),
      ),
    ),
    judging,
  );
  const box = dialog(head, [stage, foot], { kind: "why", done: () => (stop(), closed()) });
  let control = null;
  let drawn = null;
  let shown = null;
  let panes = null;
  let near = null;
  let picture = null;
  let part = null;

  const stop = () => {
    control?.abort();
    drawn?.close();
  };

  let last = 0; // where the hit stands, or stood before it was rejected
  const place = () => results.hits.findIndex((hit) => String(hit.id) === current().hit);

  async function walk(by) {
    const here = place();
    const there = here < 0 ? last + Math.min(by, 0) : here + by;
    if (there >= results.hits.length) await results.more();
    const hit = results.hits[there];
    if (hit) change({ hit: hit.id }, { replace: true });
  }

  async function entitle(at, address, held) {
    const { hit } = address;
    const { name } = results.hits[at] ?? (await describe(held.name, { picture: hit }).catch(() => ({})));
    if (current().hit !== hit || (at < 0 && place() >= 0)) return;
    const named = at < 0 ? (name ?? T.why.titleAlone) : T.why.title(at + 1, name);
    put(title, named);
    document.title = T.titled(named);
  }

  function drawButtons(address, held) {
    const id = Number(address.hit);
    const judgement = (list, label) =>
      button(label, {
        name: list,
        kind: address[list].includes(`p${id}`) ? "chosen" : "",
        "aria-pressed": String(address[list].includes(`p${id}`)),
        "data-focus": list,
        onclick: () => judge(list, id, picture?.name),
      });
    const at = document.activeElement?.dataset.focus;
    part = button(T.why.searchPart, {
      name: "box",
      kind: "strong",
      hidden: true,
      onclick: () => searchFor(id, picture.drawn),
    });
    put(
      judging,
      judgement("yes", T.search.yes),
      judgement("no", T.search.no),
      !address.q.includes(`p${id}`) &&
        button(T.search.also, {
          name: "add",
          onclick: () => change({ q: [...address.q, `p${id}`], hit: null }),
        }),
      session.originals &&
        h(
          "a",
          {
            class: "button",
            href: raw(inside(held.name, `/pictures/${id}/original`)),
            download: true,
          },
          T.why.original,
        ),
      button(T.search.withThis, { name: "search", onclick: () => searchFor(id) }),
      button(T.take.path, {
        name: "copies",
        onclick: () =>
          describe(held.name, { picture: id })
            .then((one) => copyPaths([one]))
            .catch(fail),
      }),
      part,
    );
    if (at && box.contains(judging)) judging.querySelector(`[data-focus="${at}"]`)?.focus();
  }

  const pane = (name, side, content) =>
    h(
      "figure",
      { class: "pane", vars: { ratio: side.width / side.height } },
      content,
      h(
        "figcaption",
        {},
        h("b", {}, name),
        h("span", { class: "path" }, side.path ?? side.name ?? ""),
        side.bytes && h("span", { class: "quiet" }, measures(side)),
      ),
    );

  /** Both pictures, and the layers to draw on them. */
  function drawPanes(held, query, asked, hit) {
    picture = { ...hit, drawn: null };
    const layers = [h("div", { class: "layer" }), h("div", { class: "layer" })];
    const inner = h(
      "div",
      { class: "inner" },
      h("img", {
        src: queryPicture(held.name, query, SIDE),
        alt: asked.name ?? T.why.query,
        width: asked.width,
        height: asked.height,
        draggable: "false",
      }),
      layers[0],
    );
    const left = h("div", { class: "plain near", vars: { shape: `${asked.width} / ${asked.height}` } }, inner);
    const right = boxEditor({
      src: queryPicture(held.name, { picture: hit.id }, SIDE),
      ...hit,
      box: null,
      over: layers[1],
      onbox: (drawnBox) => {
        picture.drawn = drawnBox;
        part.hidden = drawnBox === null;
      },
    });
    put(stage, pane(T.why.query, asked, left), pane(T.why.hit, hit, right.element));
    if (query.box) layers[0].append(over("found asked", query.box, asked));
    panes = {
      layers,
      places: [
        { element: left, inner, drags: true },
        { element: right.element, inner: right.inner },
      ],
      matches: [],
    };
    const words = [query, { picture: hit.id }];
    near = zoomer(panes.places, { across, moved: (zoom) => zoomed(held, words, [asked, hit], zoom) });
  }

  /** What in the other picture matches a place of one best: where its nearest match lies; else the same place. */
  function across(which, { x, y }) {
    const sides = which === 0 ? ["query", "hit"] : ["hit", "query"];
    const middle = (match, side) => ({
      x: (match[side][0] + match[side][2]) / 2 / panes.sizes[side].width,
      y: (match[side][1] + match[side][3]) / 2 / panes.sizes[side].height,
    });
    let best = { x, y };
    let least = Infinity;
    for (const match of panes.matches) {
      const here = middle(match, sides[0]);
      const away = Math.hypot(here.x - x, here.y - y);
      if (away < least) [least, best] = [away, middle(match, sides[1])];
    }
    return best;
  }

  /** Lines follow; from close by the pictures are larger ones, with the original's own pixels where one looks. */
  function zoomed(held, words, sides, zoom) {
    drawn?.draw();
    if (zoom <= 1) return;
    const { places } = panes;
    if (!panes.large)
      places.forEach(({ inner }, which) => {
        const large = new Image();
        large.onload = () => (inner.querySelector("img").src = large.src);
        large.src = queryPicture(held.name, words[which], LARGE);
      });
    panes.large = true;
    clearTimeout(panes.settling);
    const sharpen = (place, which) => sharp(place, sides[which], queryPicture(held.name, words[which], LARGE));
    panes.settling = setTimeout(() => places.forEach(sharpen), SETTLED);
  }

  /** Lay what is in sight of a picture over it, decoded at the size of the original. */
  function sharp({ element, inner }, side, src) {
    const [whole, seen] = [inner.getBoundingClientRect(), element.getBoundingClientRect()];
    const scale = side.width / whole.width;
    const least = (from, to) => Math.max(0, CELL * Math.floor(((to - from) * scale) / CELL));
    const most = (from, to, all) => Math.min(all, CELL * Math.ceil(((to - from) * scale) / CELL));
    const part = [
      least(whole.left, seen.left),
      least(whole.top, seen.top),
      most(whole.left, seen.right, side.width),
      most(whole.top, seen.bottom, side.height),
    ];
    const before = inner.querySelector(".sharp");
    const fine = Math.max(part[2] - part[0], part[3] - part[1]) < 0.75 * Math.max(side.width, side.height);
    if (Math.max(side.width, side.height) <= LARGE || !fine || before?.dataset.part === String(part)) return;
    const image = over("sharp", part, side, { src: `${src}&box=${part}`, alt: "", "data-part": part }, "img");
    image.draggable = false;
    image.onload = () => {
      inner.querySelector(".sharp")?.remove();
      inner.querySelector("img").after(image);
    };
  }

  /** Heat, lines and the outline of what was verified; else the frame, if a part was looked for. */
  function drawAnswer(answer, hit) {
    const { layers, places } = panes;
    Object.assign(panes, { matches: answer.matches, sizes: { query: answer.query, hit: answer.hit } });
    layers[0].append(heat(answer.query));
    layers[1].append(heat(answer.hit));
    const where = answer.hit.box ?? hit.box;
    if (answer.outline) layers[1].append(outline(answer));
    else if (where) layers[1].append(over("found", where, hit));
    if (!answer.matches.length) return;
    drawn = lines(stage, places, answer);
    stage.append(drawn.layer);
  }

  async function draw(address, held, { again = false } = {}) {
    if (!again) stop();
    control?.abort();
    control = new AbortController();
    const { signal } = control;
    const place = Math.min(Number(address.on ?? 0) || 0, address.q.length - 1);
    const query = readQuery(address.q[place]);
    const id = Number(address.hit);
    put(text, working(T.why.drawing));
    if (!again) {
      put(known);
      get(inside(held.name, `/pictures/${id}/said`)).then(
        (told) => signal.aborted || put(known, T.why.known(told)),
        () => undefined,
      );
    }
    try {
      const [asked, hit] = await Promise.all([
        describe(held.name, query),
        results.hits.find((one) => one.id === id) ?? describe(held.name, { picture: id }),
      ]);
      if (signal.aborted) return;
      if (!again) drawPanes(held, query, asked, hit);
      const { k, ...search } = request(address);
      const answer = await post(inside(held.name, "/explain"), { query, picture: id, search }, signal);
      if (!again) drawAnswer(answer, hit);
      put(text, account(answer, address, { place, shown: Math.min(LINES, answer.matches.length) }));
      if (answer.found && results.hits.every((one) => one.id !== id))
        put(title, T.why.title(answer.found.rank, answer.found.name));
      if (isPlain(address) && !answer.found?.verdict && held.distance !== "words")
        compareInWords(held, query, id, signal);
    } catch (error) {
      if (signal.aborted) return;
      put(
        text,
        problem(error, () => draw(address, held)),
      );
    }
  }

  /** How unusual the score is; left out when the server cannot say. */
  async function compareInWords(held, query, id, signal) {
    const compared = await post(
      inside(held.name, "/compare"),
      { a: query, b: { picture: id } },
      signal,
    ).catch(() => null);
    const line = text.querySelector("[data-rank]");
    if (compared?.percentile != null && line && !signal.aborted)
      line.textContent = T.why.percentile(percent(compared.percentile / 100));
  }

  box.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const inBox = event.target.closest(".boxer.boxed");
    if (event.key === "ArrowLeft" && !inBox) walk(-1);
    else if (event.key === "ArrowRight" && !inBox) walk(1);
    else if (event.key.toLowerCase() === "h") warmth.click();
    else if (event.key.toLowerCase() === "l") joined.click();
    else if (event.key === "+" || event.key === "=") near?.closer();
    else if (event.key === "-") near?.farther();
    else if (event.key === "0") near?.fit();
    else if (event.key.toLowerCase() === "y") judge("yes", current().hit, picture?.name);
    else if (event.key.toLowerCase() === "n") judge("no", current().hit, picture?.name);
    else return;
    event.preventDefault();
  });

  return {
    update(address, held) {
      const at = place();
      if (at >= 0) last = at;
      entitle(at, address, held);
      drawButtons(address, held);
      const pair = `${held.name} ${address.q[Number(address.on ?? 0) || 0] ?? address.q[0]} ${address.hit}`;
      const search = JSON.stringify(request(address));
      if (pair !== shown?.pair) draw(address, held);
      else if (search !== shown.search) draw(address, held, { again: true });
      shown = { pair, search };
    },
    close() {
      box.close();
      return null;
    },
  };
}
