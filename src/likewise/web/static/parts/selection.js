// What is selected in a list of pictures, and the bar that acts on it.

import { at, current, keep, kept, write } from "../api/address.js";
import { button, h, icon, put, typing } from "./dom.js";
import { fail } from "./notices.js";
import { removePictures } from "./remove.js";
import { session } from "../api/session.js";
import { T } from "../strings.js";
import { copyPaths, savers } from "./taking.js";

/**
 * A selection, kept with the step of the history. `picks` makes the check box of a tile; `close` ends it. `more`
 * makes further buttons for those who may write, `judge` is told which are liked or not, `changed` that others are chosen.
 */
export function selection(held, { more = () => null, judge = null, changed = () => undefined } = {}) {
  const chosen = new Map((kept("chosen") ?? []).map((one) => [one.id, one]));
  const known = new Map();
  const bar = h("div", { class: "bar", hidden: true, role: "region", "aria-label": T.browse.select });
  const most = () => session.limits.queries ?? 16;
  let last = null;

  const search = (ids) =>
    ids.length <= most()
      ? h(
          "a",
          { class: "button", href: at("search", { q: ids.map((id) => `p${id}`) }) },
          icon("search"),
          T.browse.searchThese,
        )
      : h("p", { class: "quiet" }, T.browse.searchMost(most()));

  /** Two pictures side by side: those selected, or the one with what is searched for; Back, or closing, leads here. */
  const compare = (ids) => {
    const address = current();
    const searched = address.view === "search" && address.q.length > 0;
    const [text, href] =
      ids.length === 2
        ? [T.browse.compareTwo, at("search", { q: [`p${ids[0]}`], hit: ids[1] })]
        : [T.browse.compareOne, ids.length === 1 && searched && write({ ...address, hit: ids[0] })];
    return href && h("a", { class: "button", href, "data-mark": "hit" }, icon("why"), text);
  };

  const draw = () => {
    bar.hidden = chosen.size === 0;
    const ids = [...chosen.keys()];
    const pictures = [...chosen.values()];
    put(
      bar,
      h("b", { role: "status" }, T.browse.chosen(chosen.size)),
      search(ids),
      compare(ids),
      judge &&
        ["yes", "no"].map((list) =>
          button(T.search[list], {
            name: list,
            onclick: () => {
              clear();
              judge(list, ids);
            },
          }),
        ),
      session.can_write &&
        button(T.browse.remove, {
          name: "remove",
          onclick: () =>
            removePictures(held.name, ids)
              .then((done) => done && clear())
              .catch(fail),
        }),
      session.can_write && more(ids, clear),
      button(T.take.paths, { name: "copies", onclick: () => copyPaths(pictures).catch(fail) }),
      savers(held.name, async () => pictures),
      boxes().length > 0 && button(T.browse.selectAll, { kind: "link", onclick: all }),
      button(T.browse.selectNone, { name: "close", shown: false, onclick: clear }),
    );
    changed();
  };

  const boxes = () => [...document.querySelectorAll("main [data-pick]")];
  const set = (box, on) => {
    const id = Number(box.dataset.pick);
    box.checked = on;
    if (on) chosen.set(id, known.get(id));
    else chosen.delete(id);
  };

  const pick = (pictures, on) => {
    for (const picture of pictures) {
      if (on) chosen.set(picture.id, picture);
      else chosen.delete(picture.id);
    }
    draw();
  };

  /** Everything from the one that was clicked before to this one, as this one is. */
  function range(box) {
    const shown = boxes();
    const [from, to] = [shown.indexOf(last), shown.indexOf(box)].sort((a, b) => a - b);
    for (const one of shown.slice(Math.max(0, from), to + 1)) set(one, box.checked);
  }

  function all() {
    boxes().forEach((box) => set(box, true));
    draw();
  }

  function clear() {
    chosen.clear();
    boxes().forEach((box) => (box.checked = false));
    draw();
  }

  function keys(event) {
    if (typing(event.target) || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && chosen.size) clear();
    else if ((event.ctrlKey || event.metaKey) && event.key === "a" && boxes().length) {
      event.preventDefault();
      all();
    }
  }
  addEventListener("keydown", keys);
  keep("chosen", () => [...chosen.values()]);

  const picks = (picture) => {
    known.set(picture.id, picture);
    const input = h("input", {
      type: "checkbox",
      tabindex: "-1",
      "aria-label": T.browse.pick(picture.name),
      "data-pick": picture.id,
      onclick: (event) => {
        if (event.shiftKey && last?.isConnected) range(input);
        else set(input, input.checked);
        last = input;
        draw();
      },
    });
    input.checked = chosen.has(picture.id);
    return h("label", { class: "pick" }, input);
  };

  draw();
  return {
    bar,
    chosen,
    picks,
    pick,
    clear,
    close() {
      removeEventListener("keydown", keys);
      keep("chosen", null);
    },
  };
}
