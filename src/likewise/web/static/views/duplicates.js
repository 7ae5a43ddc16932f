// Near-duplicates: groups of pictures that are almost the same.

import { at, change } from "../api/address.js";
import { get, inside, post } from "../api/requests.js";
import { button, h, put } from "../parts/dom.js";
import { measures, score } from "../parts/format.js";
import { back } from "../parts/grid.js";
import { awaited, empty, fail, notice } from "../parts/notices.js";
import { selection } from "../parts/selection.js";
import { onChange, throwAway } from "../parts/remove.js";
import { session } from "../api/session.js";
import { tile } from "../parts/tile.js";
import { T } from "../strings.js";

/** From the least to the most alike of a group, to the picture to keep. */
const span = (all) => [...new Set([Math.min(...all), Math.max(...all)].map(score))].join(" – ");

const LEAST = 0.5;

export function section(body, address, held) {
  const list = h("div", {});
  const trash = (ids, clear) =>
    button(T.duplicates.trash, {
      name: "remove",
      onclick: () =>
        throwAway(held.name, ids, address.alike ? Number(address.alike) : null)
          .then((done) => done && clear())
          .catch(fail),
    });
  const chosen = selection(held, { more: trash });
  const shown = h("output", {}, address.alike ?? "");
  const slider = h("input", {
    type: "range",
    min: LEAST,
    max: "1",
    step: "0.01",
    value: address.alike ?? 1,
    oninput: () => (shown.value = score(Number(slider.value))),
    onchange: () => change({ alike: slider.value }, { replace: true }),
  });
  let asked = null;
  put(
    body,
    h(
      "div",
      { class: "tools-row" },
      h(
        "label",
        { class: "field wide" },
        h("span", { class: "label" }, T.duplicates.threshold, " ", shown),
        slider,
      ),
      h("p", { class: "quiet grow" }, T.duplicates.intro),
    ),
    list,
    chosen.bar,
  );

  const others = ({ pictures, surplus }) =>
    chosen.pick(
      pictures.filter((picture, place) => {
        if (surplus[place]) list.querySelector(`[data-pick="${picture.id}"]`).checked = true;
        return surplus[place];
      }),
      true,
    );

  const dismiss = ({ pictures }) =>
    post(inside(held.name, "/duplicates/dismiss"), { pictures: pictures.map(({ id }) => id) })
      .then(() => notice(T.duplicates.dismissed))
      .then(draw)
      .catch(fail);

  /** What a picture is, and of which one where that is not the first of the group. */
  const kindOf = ({ pictures, kinds, of }, place) => {
    const other = pictures.findIndex(({ id }) => id === of[place]);
    const whole = kinds[place] ?? T.duplicates.kept;
    return other > 0 ? T.duplicates.kindOf(whole, pictures[other].name) : whole;
  };

  const group = (one, number, title) =>
    h(
      "section",
      { class: "group" },
      h(
        "div",
        { class: "row" },
        h("h2", {}, title(number + 1)),
        h("span", { class: "quiet" }, T.duplicates.alike(span(one.similarities))),
        session.can_write &&
          one.surplus.some(Boolean) &&
          button(T.duplicates.selectCopies, { name: "select", kind: "link", onclick: () => others(one) }),
        session.can_write &&
          button(T.duplicates.dismiss, { name: "no", kind: "link", onclick: () => dismiss(one) }),
      ),
      h(
        "ol",
        { class: "grid short" },
        one.pictures.map((picture, place) =>
          tile(held.name, picture, {
            href: at("search", { q: [`p${picture.id}`] }),
            label: T.browse.open(picture.name),
            under: h("span", { class: "kind" }, kindOf(one, place)),
            over: chosen.picks(picture),
            below: measures(picture),
          }),
        ),
      ),
    );

  const draw = () =>
    awaited(list, T.duplicates.working, async (signal) => {
      chosen.clear();
      const asked = { threshold: address.alike };
      const { groups, bursts, threshold } = await get(inside(held.name, "/duplicates"), asked, signal);
      if (!address.alike) slider.value = threshold;
      shown.value = address.alike ?? score(threshold);
      const count = groups.reduce((sum, one) => sum + one.pictures.length, 0);
      if (groups.length + bursts.length === 0) put(list, empty(T.duplicates.none, T.duplicates.noneHint));
      else
        put(
          list,
          h("p", { class: "status", role: "status" }, T.duplicates.found(groups.length, count)),
          groups.map((one, number) => group(one, number, T.duplicates.group)),
          bursts.map((one, number) => group(one, number, T.duplicates.burst)),
        );
      back();
    });

  const stop = onChange(draw);
  const update = (next, collection) => {
    address = next;
    held = collection;
    if (asked === (address.alike ?? "")) return;
    asked = address.alike ?? "";
    draw();
  };
  update(address, held);
  return { update, close: () => (stop(), chosen.close()) };
}
