// A justified grid that loads as one scrolls. Rows are justified by flex: a tile grows in proportion to its shape.

import { h, put, typing } from "./dom.js";
import { fail } from "./notices.js";

const TALLEST = 0.5;
const WIDEST = 2.6;

/** A tile's variables: its shape, kept within what a row can take. */
export const shape = ({ width, height }) => ({
  ratio: Math.min(WIDEST, Math.max(TALLEST, width / height)).toFixed(3),
});

/** Longest side of a tile on the screen, in CSS pixels. */
export const side = ({ width, height }) => {
  const row = innerWidth < 700 ? 150 : 250;
  return row * Math.max(1, Math.min(WIDEST, width / height));
};

/**
 * A grid. `load(cursor)` answers { items, next }; `tile(item)` makes a list item. `ended` is told when all is there.
 */
export function grid({ label, load, tile, first = null, ended = () => undefined }) {
  const list = h("ol", { class: "grid", "aria-label": label });
  const foot = h("div", { class: "foot" });
  const element = h("div", {}, list, foot);
  const items = [];
  let next = "";
  let loading = null;

  const take = (page) => {
    items.push(...page.items);
    list.append(...page.items.map(tile));
    next = page.next;
    if (!next) {
      watcher.disconnect();
      ended(items.length);
    }
    return page;
  };

  const more = () => {
    if (next === null || loading) return loading ?? Promise.resolve();
    loading = load(next || null)
      .then(take)
      .finally(() => (loading = null));
    return loading;
  };

  const watcher = new IntersectionObserver(
    async ([entry]) => {
      if (!entry.isIntersecting || next === null || loading) return;
      try {
        await more();
      } catch (error) {
        watcher.disconnect();
        return fail(error);
      }
      // what was loaded may not have filled the screen: look again
      watcher.unobserve(foot);
      if (next !== null) watcher.observe(foot);
    },
    { rootMargin: "800px" },
  );

  list.addEventListener("keydown", (event) => walk(event, list));
  if (first) take(first);
  if (next !== null) watcher.observe(foot);
  return {
    element,
    list,
    items,
    more,
    close: () => watcher.disconnect(),
    foot: (...content) => put(foot, content),
  };
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Arrow keys go from tile to tile, up and down by what lies there. */
function walk(event, list) {
  if (typing(event.target) || event.altKey || event.ctrlKey || event.metaKey) return;
  const links = [...list.querySelectorAll(":scope > li > a")];
  const here = links.indexOf(event.target.closest("li")?.querySelector(":scope > a"));
  if (here < 0) return;
  let there = null;
  if (event.key in STEPS) there = links[here + STEPS[event.key]];
  else if (event.key === "ArrowDown" || event.key === "ArrowUp")
    there = beyond(links, here, event.key === "ArrowDown" ? 1 : -1);
  else if (event.key === "Home") there = links[0];
  else if (event.key === "End") there = links.at(-1);
  else return;
  event.preventDefault();
  there?.focus();
  there?.scrollIntoView({ block: "nearest" });
}

/** The tile of the row below or above whose middle is nearest. */
function beyond(links, here, step) {
  const from = links[here].getBoundingClientRect();
  const middle = from.left + from.width / 2;
  let row = null;
  let best = null;
  for (let at = here + step; at >= 0 && at < links.length; at += step) {
    const to = links[at].getBoundingClientRect();
    if (Math.abs(to.top - from.top) < 4) continue;
    row ??= to.top;
    if (Math.abs(to.top - row) > 4) break;
    const distance = Math.abs(to.left + to.width / 2 - middle);
    if (!best || distance < best.distance) best = { distance, link: links[at] };
  }
  return best?.link ?? null;
}
