// All pictures as a grid: search with one, or select some to search with or remove.

import { at, change } from "./address.js";
import { get, inside } from "./api.js";
import { button, choice, h, icon, put } from "./dom.js";
import { grid } from "./grid.js";
import { empty, fail, problem, working } from "./notices.js";
import { onChange, removePictures } from "./remove.js";
import { session } from "./session.js";
import { tile } from "./tile.js";
import { T } from "./strings.js";

/** What is selected, with the bar that acts on it. `picks` makes the check box of a tile; `more` further buttons. */
export function selection(held, more = () => null) {
  const chosen = new Map();
  const bar = h("div", { class: "bar", hidden: true, role: "region", "aria-label": T.browse.select });
  const most = () => session.limits.queries ?? 16;

  const draw = () => {
    bar.hidden = chosen.size === 0;
    const ids = [...chosen.keys()];
    put(
      bar,
      h("b", { role: "status" }, T.browse.chosen(chosen.size)),
      ids.length <= most() &&
        h(
          "a",
          { class: "button", href: at("search", { q: ids.map((id) => `p${id}`) }) },
          icon("search"),
          T.browse.searchThese,
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
      button(T.browse.selectNone, { name: "close", shown: false, onclick: clear }),
    );
  };

  const pick = (picture, on) => {
    if (on) chosen.set(picture.id, picture);
    else chosen.delete(picture.id);
    draw();
  };

  function clear() {
    chosen.clear();
    document.querySelectorAll(".pick input").forEach((one) => (one.checked = false));
    draw();
  }

  const picks = (picture) => {
    const input = h("input", {
      type: "checkbox",
      "aria-label": T.browse.pick(picture.name),
      "data-pick": picture.id,
      onchange: () => pick(picture, input.checked),
    });
    input.checked = chosen.has(picture.id);
    return h("label", { class: "pick" }, input);
  };

  return { bar, picks, pick, clear };
}

export function section(body, address, held) {
  const tools = h("div", { class: "tools-row" });
  const list = h("div", {});
  const chosen = selection(held);
  let shown = null;
  let asked = null;
  put(body, tools, list, chosen.bar);

  async function drawTools() {
    const { folders } = await get(inside(held.name, "/folders"));
    const orders = Object.entries(T.browse.orders);
    put(
      tools,
      folders.length > 1 &&
        choice(
          T.browse.folder,
          [
            ["", T.browse.everywhere],
            ...folders.map(({ path, pictures }) => [path, `${path} (${pictures})`]),
          ],
          address.folder ?? "",
          (folder) => change({ folder }),
        ),
      choice(T.browse.order, orders, address.order ?? "path", (order) =>
        change({ order: order === "path" ? null : order }),
      ),
      h("p", { class: "quiet grow" }, T.browse.hint),
    );
  }

  const load = async (cursor) => {
    const page = await get(inside(held.name, "/pictures"), {
      k: 60,
      cursor,
      folder: address.folder,
      order: address.order ?? "path",
    });
    return { ...page, items: page.pictures };
  };

  async function drawList() {
    put(list, working(T.loading));
    shown?.close();
    try {
      const first = await load(null);
      if (first.total === 0)
        return put(
          list,
          empty(
            T.browse.empty,
            T.browse.emptyHint,
            session.can_write &&
              h("a", { class: "button strong", href: at("add") }, icon("add"), T.search.addSome),
          ),
        );
      shown = grid({
        label: T.pictures(first.total),
        first,
        load,
        tile: (picture) =>
          tile(held.name, picture, {
            href: at("search", { q: [`p${picture.id}`] }),
            label: T.browse.open(picture.name),
            over: chosen.picks(picture),
          }),
      });
      put(list, h("p", { class: "status", role: "status" }, T.pictures(first.total)), shown.element);
    } catch (error) {
      put(list, problem(error, drawList));
    }
  }

  const stop = onChange(drawList);
  const update = (next, collection) => {
    address = next;
    held = collection;
    const key = JSON.stringify([address.folder, address.order]);
    if (key === asked) return;
    asked = key;
    drawTools().catch(fail);
    drawList();
  };
  update(address, held);
  return { update, close: () => (stop(), shown?.close()) };
}
