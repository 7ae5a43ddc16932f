// The search view before there is a picture: drop, paste, choose, photograph, or take one of the collection.

import { at, change } from "../api/address.js";
import { get, inside, uploadQueries } from "../api/requests.js";
import { h, icon, put } from "../parts/dom.js";
import { chooser, pictures } from "../parts/files.js";
import { back, grid } from "../parts/grid.js";
import { empty, fail, problem, working } from "../parts/notices.js";
import { session } from "../api/session.js";
import { T } from "../strings.js";
import { tile } from "../parts/tile.js";

const FIRST = 12; // pictures of the start: as many as are in sight

/** Send pictures and search with them; with `also` they join the pictures there are. */
export async function searchWith(files, also = []) {
  const most = (session.limits.queries ?? 16) - also.length;
  const words = await uploadQueries(pictures(files, most));
  change({
    view: "search",
    q: [...also, ...words],
    yes: [],
    no: [],
    hit: null,
    on: also.length ? String(also.length) : null,
  });
}

const take = (files) => searchWith(files).catch(fail);

function dropZone() {
  return h(
    "div",
    { class: "drop" },
    icon("upload"),
    h("p", { class: "big" }, T.search.drop),
    h("p", { class: "quiet" }, T.search.dropMore),
    h(
      "div",
      { class: "buttons" },
      chooser(T.search.choose, { take, name: "folder", kind: "strong" }),
      chooser(T.search.photograph, { take, name: "camera", capture: true }),
    ),
  );
}

const nothingYet = () =>
  empty(
    T.search.nothingYet,
    T.search.nothingYetHint,
    h("a", { class: "button strong", href: at("add") }, icon("add"), T.search.addSome),
  );

export function startScreen(held) {
  const below = h("div", {}, working(T.loading));
  let shown = null;
  const load = () =>
    get(inside(held.name, "/pictures"), { k: FIRST, order: "newest" }).then((page) => ({
      items: page.pictures,
      next: null,
    }));

  async function draw() {
    try {
      const first = await load();
      if (first.items.length === 0) return put(below, nothingYet());
      shown = grid({
        label: T.search.orCollection,
        first,
        load,
        tile: (picture) =>
          tile(held.name, picture, {
            href: at("search", { q: [`p${picture.id}`] }),
            label: T.browse.open(picture.name),
          }),
      });
      put(
        below,
        h(
          "div",
          { class: "row" },
          h("h2", {}, T.search.orCollection),
          h("a", { class: "link", href: at("browse") }, T.search.more),
        ),
        shown.element,
      );
      back(shown.list);
    } catch (error) {
      put(below, problem(error, draw));
    }
  }
  draw();
  const element = h("div", { class: "start" }, h("h1", {}, T.search.heading), dropZone(), below);
  return { element, close: () => shown?.close() };
}
