// The browse view: its tabs, and the section that the address names.

import { at } from "../api/address.js";
import * as clusters from "./clusters.js";
import { h, icon, put } from "../parts/dom.js";
import * as duplicates from "./duplicates.js";
import * as facts from "./facts.js";
import * as failures from "./failures.js";
import * as map from "./map.js";
import { empty } from "../parts/notices.js";
import * as pictures from "./pictures.js";
import { session } from "../api/session.js";
import { T } from "../strings.js";


const SECTIONS = {
  pictures: pictures.section,
  map: map.section,
  duplicates: duplicates.section,
  clusters: clusters.section,
  failures: failures.section,
  facts: facts.section,
};
/** What is made of a vector of each picture. */
const OF_VECTORS = ["map", "duplicates", "clusters"];
const ICONS = {
  pictures: "browse",
  map: "map",
  duplicates: "copies",
  clusters: "groups",
  failures: "failures",
  facts: "facts",
};

const named = (address) =>
  address.view === "map" ? "map" : address.show in SECTIONS ? address.show : "pictures";

export function open(main, address, held) {
  const tabs = h("nav", { class: "subtabs", "aria-label": T.browse.sections });
  const body = h("div", {});
  let shown = { key: null, part: null };
  put(main, h("div", { class: "browse" }, h("h1", { class: "unseen" }, T.browse.title), tabs, body));

  function drawTabs(active) {
    const link = (name) =>
      name === "map" ? at("map") : at("browse", { show: name === "pictures" ? null : name });
    const count = (name) =>
      name === "failures" && held.failures > 0 ? h("span", { class: "count" }, held.failures) : null;
    put(
      tabs,
      Object.keys(SECTIONS).map((name) =>
        h(
          "a",
          {
            href: link(name),
            "aria-current": name === active && "page",
            class: missing(name) && "off",
            title: missing(name) && T.browse.noVector,
          },
          icon(ICONS[name]),
          h("span", {}, T.browse.tabs[name]),
          count(name),
        ),
      ),
    );
  }

  /** Whether a section is not to be had in this collection. */
  const missing = (name) => OF_VECTORS.includes(name) && held.distance === "words";

  /** What stands there instead of a section that there is not. */
  function instead(name) {
    if (missing(name))
      return empty(
        T.browse.noSection(T.browse.tabs[name]),
        T.browse.noVectorHint(held.recipe),
        h("a", { class: "button", href: at("browse") }, icon("browse"), T.browse.tabs.pictures),
      );
    if (OF_VECTORS.includes(name) && held.pictures === 0)
      return empty(
        T.browse.empty,
        T.browse.emptyHint,
        session.can_write &&
          h("a", { class: "button strong", href: at("add") }, icon("add"), T.search.addSome),
      );
    return null;
  }

  function update(next, collection) {
    address = next;
    held = collection;
    const name = named(address);
    const key = JSON.stringify([name, held.name]);
    drawTabs(name);
    if (key === shown.key) return shown.part?.update(address, held);
    shown.part?.close?.();
    document.title = T.titled(T.browse.tabs[name]);
    const other = instead(name);
    if (other) put(body, other);
    shown = { key, part: other ? null : SECTIONS[name](body, address, held) };
    tabs.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
  }

  update(address, held);
  return { update, close: () => shown.part?.close?.() };
}
