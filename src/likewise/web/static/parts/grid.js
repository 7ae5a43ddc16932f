// A justified grid that loads as one scrolls. Rows are justified by flex: a tile grows in proportion to its shape.

import { keep, kept } from "../api/address.js";
import { h, put, typing } from "./dom.js";
import { fail } from "./notices.js";

const TALLEST = 0.5;
const WIDEST = 2.6;

/** A tile's variables: its shape, kept within what a row can take. */
export const shape = ({ width, height }) => ({
  ratio: Math.min(WIDEST, Math.max(TALLEST, width / height)).toFixed(3),
});

/** True where a tile cannot show its picture without cutting much of it off. */
export const extreme = ({ width, height }) => width / height > WIDEST || width / height < TALLEST;

/** Longest side of a tile on the screen, in CSS pixels. */
export const side = ({ width, height }) => {
  const row = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) * 1.2;
  return row * Math.max(1, Math.min(WIDEST, width / height));
};

/** The beginning of a list, as far as it was loaded when the step of the history was left that one is at again. */
export async function begin(load, least) {
  const wanted = Math.max(least, kept("tiles") ?? 0);
  const page = await load(null, wanted);
  while (page.next && page.items.length < wanted) {
    const more = await load(page.next, wanted - page.items.length);
    page.items.push(...more.items);
    page.next = more.next;
  }
  return page;
}

/**
 * A grid. `load(cursor)` answers { items, next }; `tile(item)` makes a list item, or several. `ended` is told
 * when all is there. How far it was loaded and which tile had the focus are kept with the step of the history.
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
    list.append(...page.items.map(tile).flat());
    roam(list);
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
  list.addEventListener("focusin", (event) => roam(list, linkOf(event.target)));
  if (first) take(first);
  if (next !== null) watcher.observe(foot);
  keep("tiles", () => items.length);
  keep("tile", () => focused(list)?.id ?? null);
  return {
    element,
    list,
    items,
    more,
    close() {
      watcher.disconnect();
      keep("tiles", null);
      keep("tile", null);
    },
    foot: (...content) => put(foot, content),
  };
}

const linkOf = (target) => target.closest("li")?.querySelector(":scope > a") ?? null;
const linksOf = (list) => [...list.querySelectorAll(":scope > li > a")];

/** One stop for the Tab key: the tile that has, or last had, the focus; the first one before that. */
export function roam(list, to = null) {
  const links = linksOf(list);
  const stop = to ?? links.find((one) => one.dataset.stop !== undefined) ?? links[0];
  for (const one of links) {
    one.tabIndex = one === stop ? 0 : -1;
    one.toggleAttribute("data-stop", one === stop);
  }
}

/** Id and place of the tile that has the focus; null when none has. */
export function focused(list) {
  const link = list.contains(document.activeElement) ? linkOf(document.activeElement) : null;
  return link && { id: link.parentElement.dataset.id, place: linksOf(list).indexOf(link) };
}

/** Give the focus to the tile of an id, else to the one at a place, without scrolling. */
export function refocus(list, { id, place = -1 }) {
  const links = linksOf(list);
  const link =
    links.find((one) => one.parentElement.dataset.id === id) ?? links[Math.min(place, links.length - 1)];
  link?.focus({ preventScroll: true });
}

/** Scroll to where the step of the history was left that one is at again, and focus the tile that one left by. */
export function back(list = null) {
  const at = kept("scroll");
  if (at === undefined) return false;
  scrollTo(0, at);
  if (list && kept("tile") && document.activeElement === document.body) refocus(list, { id: kept("tile") });
  return true;
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Arrow keys go from tile to tile, up and down by what lies there; Space selects where tiles have a check box. */
function walk(event, list) {
  if (typing(event.target) || event.altKey || event.ctrlKey || event.metaKey) return;
  const links = linksOf(list);
  const here = links.indexOf(linkOf(event.target));
  if (here < 0) return;
  const pick = event.key === " " && event.target === links[here] ? links[here].parentElement : null;
  let there = null;
  if (pick?.querySelector(".pick input")) pick.querySelector(".pick input").click();
  else if (event.key in STEPS) there = links[here + STEPS[event.key]];
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
