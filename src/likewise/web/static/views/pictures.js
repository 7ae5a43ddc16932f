// All pictures as a grid: search with one, or select some to search with or remove.

import { at, change } from "../api/address.js";
import { get, inside } from "../api/requests.js";
import { choice, h, icon, put } from "../parts/dom.js";
import { choices, counted, filterOf, nameField } from "../parts/filter.js";
import { back, begin, grid } from "../parts/grid.js";
import { awaited, empty, fail } from "../parts/notices.js";
import { onChange } from "../parts/remove.js";
import { selection } from "../parts/selection.js";
import { session } from "../api/session.js";
import { tile } from "../parts/tile.js";
import { T } from "../strings.js";

const PAGE = 60;

export function section(body, address, held) {
  const tools = h("div", { class: "tools-row" });
  const list = h("div", {});
  const chosen = selection(held);
  let shown = null;
  let asked = null;
  let above = null;
  put(body, tools, list, chosen.bar);

  async function drawTools() {
    const [{ folders }, { facets }] = await Promise.all([
      get(inside(held.name, "/folders")),
      counted(held.name, address),
    ]);
    const orders = Object.entries(T.browse.orders);
    const focus = tools.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    put(
      tools,
      nameField(address),
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
      ...choices(address, facets),
      h("p", { class: "quiet grow" }, T.browse.hint),
    );
    if (focus) tools.querySelector(`[data-focus="${focus}"]`)?.focus();
  }

  const load = async (cursor, k = PAGE, signal = null) => {
    const asked = {
      k,
      cursor,
      folder: address.folder,
      where: filterOf(address),
      order: address.order ?? "path",
    };
    const page = await get(inside(held.name, "/pictures"), asked, signal);
    return { ...page, items: page.pictures };
  };

  function drawList() {
    shown?.close();
    return awaited(list, T.loading, async (signal) => {
      const first = await begin((cursor, k) => load(cursor, k, signal), PAGE);
      if (first.total === 0 && filterOf(address))
        return put(list, empty(T.search.none, T.browse.noneHint));
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
      await above; // what stands above moves the list
      back(shown.list);
    });
  }

  const stop = onChange(drawList);
  const update = (next, collection) => {
    address = next;
    held = collection;
    const key = JSON.stringify([address.folder, address.order, filterOf(address)]);
    if (key === asked) return;
    asked = key;
    above = drawTools().catch(fail);
    drawList();
  };
  update(address, held);
  return { update, close: () => (stop(), chosen.close(), shown?.close()) };
}
