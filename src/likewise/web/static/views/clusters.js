// Clusters: the collection sorted into groups, each shown by its most central pictures.

import { at, change } from "../api/address.js";
import { get, inside } from "../api/requests.js";
import { button, choice, h, icon, put } from "../parts/dom.js";
import { back } from "../parts/grid.js";
import { awaited, empty, fail } from "../parts/notices.js";
import { tile } from "../parts/tile.js";
import { T } from "../strings.js";

const COUNTS = ["5", "10", "20", "40", "80"];
const SHOWN = 6;

export function section(body, address, held) {
  const list = h("div", {});
  const count = () => (COUNTS.includes(address.groups) ? address.groups : "20");
  let asked = null;
  put(
    body,
    h(
      "div",
      { class: "tools-row" },
      choice(
        T.clusters.count,
        COUNTS.map((one) => [one, one]),
        count(),
        (groups) => change({ groups }, { replace: true }),
      ),
      h("p", { class: "quiet grow" }, T.clusters.intro),
    ),
    list,
  );

  const link = (picture) =>
    tile(held.name, picture, {
      href: at("search", { q: [`p${picture.id}`] }),
      label: T.browse.open(picture.name),
    });

  /** All of a group in place of its first pictures; the server tells at most so many. */
  async function all(place, number) {
    const asked = { count: count(), shown: 1000 };
    const { clusters } = await get(inside(held.name, "/clusters"), asked);
    put(place, clusters[number].pictures.map(link));
    place.querySelector("li > a").focus();
  }

  const group = ({ size, pictures }, number) => {
    const place = h("ol", { class: "grid short" }, pictures.slice(0, SHOWN).map(link));
    const more = button(T.clusters.all(size), {
      kind: "link",
      onclick: () =>
        all(place, number)
          .then(() => more.remove())
          .catch(fail),
    });
    return h(
      "section",
      { class: "group" },
      h(
        "div",
        { class: "row" },
        h("h2", {}, T.clusters.group(number + 1)),
        h("span", { class: "quiet" }, T.pictures(size)),
        h(
          "a",
          {
            class: "link",
            href: at("search", { q: pictures.slice(0, 3).map((picture) => `p${picture.id}`) }),
          },
          icon("search"),
          T.clusters.searchThese,
        ),
        size > SHOWN && more,
      ),
      place,
    );
  };

  const draw = () =>
    awaited(list, T.clusters.working, async (signal) => {
      const { clusters } = await get(inside(held.name, "/clusters"), { count: count() }, signal);
      put(list, clusters.length ? clusters.map(group) : empty(T.clusters.none, T.clusters.noneHint));
      back();
    });

  const update = (next, collection) => {
    address = next;
    held = collection;
    if (count() === asked) return;
    asked = count();
    draw();
  };
  update(address, held);
  return { update };
}
