// The browse view: its tabs, and the section that the address names.

import { at, change, write } from "./address.js";
import { h, icon, put } from "./dom.js";
import { problem } from "./notices.js";
import { T } from "./strings.js";

const SECTIONS = {
  pictures: () => import("./pictures.js"),
  map: () => import("./map.js"),
  duplicates: () => import("./duplicates.js"),
  clusters: () => import("./clusters.js"),
  failures: () => import("./failures.js"),
  facts: () => import("./facts.js"),
};
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
          { href: link(name), "aria-current": name === active && "page" },
          icon(ICONS[name]),
          h("span", {}, T.browse.tabs[name]),
          count(name),
        ),
      ),
    );
  }

  async function update(next, collection) {
    address = next;
    held = collection;
    const name = named(address);
    const key = JSON.stringify([name, held.name]);
    drawTabs(name);
    if (key === shown.key) return shown.part?.update(address, held);
    shown.part?.close?.();
    shown = { key, part: null };
    try {
      const { section } = await SECTIONS[name]();
      if (shown.key !== key) return;
      shown.part = section(body, address, held);
    } catch (error) {
      put(
        body,
        problem(error, () => change({})),
      );
    }
  }

  update(address, held);
  return { update, close: () => shown.part?.close?.() };
}
