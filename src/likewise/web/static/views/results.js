// The hits: a search for what the address says, page by page.

import { at, change, current, kept, readQuery, write } from "../api/address.js";
import { inside, post, thumbnail } from "../api/requests.js";
import { boxEditor } from "../parts/box.js";
import { button, h, icon, put, typing } from "../parts/dom.js";
import { duration, score } from "../parts/format.js";
import { filterOf } from "../parts/filter.js";
import { back, begin, focused, grid, refocus, shape, side } from "../parts/grid.js";
import { later, painted } from "../parts/later.js";
import { empty, fail, notice, problem, working } from "../parts/notices.js";
import { selection } from "../parts/selection.js";
import { still } from "../parts/still.js";
import { T } from "../strings.js";
import { savers } from "../parts/taking.js";
import { drawn, tile } from "../parts/tile.js";

const PAGE = 40;
const PACK = 200; // hits that are asked for at once to be saved
const MOST = 1000; // of a list that is saved

/** The body of a search request for an address. */
export function request(address) {
  const lists = { yes: address.yes.map(readQuery), no: address.no.map(readQuery) };
  return {
    queries: address.q.map(readQuery),
    ...lists,
    then: address.then,
    folder: address.folder || null,
    where: filterOf(address),
    k: PAGE,
  };
}

/** Take a hit from the likes or dislikes again. */
const acquit = (list, word) =>
  change({ [list]: current()[list].filter((one) => one !== word) }, { mark: "judged" });

/** Put a hit among the likes or dislikes, or take it out again. What is not liked goes out of sight. */
export function judge(list, id, name) {
  const address = current();
  const word = `p${id}`;
  const other = list === "yes" ? "no" : "yes";
  if (address[list].includes(word)) return acquit(list, word);
  if (list === "no") {
    document.querySelector(`.results .tile[data-id="${id}"]`)?.classList.add("gone");
    notice(T.search.rejected(name ?? T.why.hit), { label: T.remove.undo, action: () => acquit("no", word) });
  }
  change(
    { [list]: [...address[list], word], [other]: address[other].filter((one) => one !== word) },
    { mark: "judged" },
  );
}

/** The same for several at once. */
const judgeAll = (list, ids) => {
  const address = current();
  const words = ids.map((id) => `p${id}`);
  const other = list === "yes" ? "no" : "yes";
  change(
    {
      [list]: [...new Set([...address[list], ...words])],
      [other]: address[other].filter((one) => !words.includes(one)),
    },
    { mark: "judged" },
  );
};

export const searchFor = (id, box = null) =>
  change({
    view: "search",
    q: [`p${id}${box ? `@${box.join(",")}` : ""}`],
    yes: [],
    no: [],
    hit: null,
    on: null,
  });

/** Have a box drawn on a hit where it stands in the list, and search with that part of it. */
function boxOn(collection, hit, item) {
  const { width, height } = hit;
  const close = () => {
    place.removeEventListener("focusout", close); // what is taken away loses the focus, too
    place.remove();
  };
  const { element } = boxEditor({
    src: thumbnail(collection, hit.id, side(hit)),
    ...{ width, height, name: hit.name },
    onbox: (box) => box && (close(), searchFor(hit.id, box)),
  });
  const place = h("div", { class: "parting" }, element, h("p", {}, T.search.boxHint));
  element.style.width = `${100 * Math.min(1, width / height / shape(hit).ratio)}%`;
  place.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Escape") return;
    event.preventDefault();
    close();
    item.querySelector("a").focus();
  });
  place.addEventListener("focusout", close);
  item.append(place);
  element.focus({ preventScroll: true });
}

/** Marks for measuring: the answer's arrival, the grid painted, the pictures of the first screen painted. */
async function measure(list) {
  await painted();
  performance.mark("likewise:painted");
  const first = [...list.querySelectorAll("img")].filter(
    (one) => one.getBoundingClientRect().top < innerHeight,
  );
  await Promise.all(first.map((one) => one.decode().catch(() => undefined)));
  await painted();
  performance.mark("likewise:pictures");
}

/** What was found, in a sentence: how many surely, how many by likeness only. */
const found = ({ total, verdicts, seconds }) =>
  verdicts ? T.search.judged(verdicts, total, duration(seconds)) : T.search.found(total, duration(seconds));

export function results({ drawn: told = () => undefined }) {
  const heading = h("h1", { class: "unseen", tabindex: "-1", id: "results" }, T.search.results);
  const status = h("p", { class: "status", role: "status" });
  const tools = h("div", { class: "buttons" });
  const body = h("div", {});
  const element = h(
    "section",
    { class: "results", "aria-label": T.search.results },
    heading,
    h("div", { class: "row over-list" }, status, tools),
    body,
  );
  let asked = null;
  let shown = null;
  let control = null;
  let chosen = null;
  let on = null; // the collection that is searched
  let pending = null; // the tile that had the focus before the list was asked for anew

  const hitTile = (held) => (hit) => {
    const address = current();
    const liked = address.yes.includes(`p${hit.id}`);
    const act = (text, name, onclick, kind = "") =>
      button(text, { name, shown: false, kind: `round ${kind}`, tabindex: "-1", onclick });
    const judging = (list, kind) => act(T.search[list], list, () => judge(list, hit.id, hit.name), `judging ${kind}`);
    const verdict = T.search.verdict[hit.verdict];
    const element = tile(held.name, hit, {
      href: write({ ...address, hit: hit.id }),
      mark: "hit",
      word: `p${hit.id}`,
      eager: hit.rank <= 12,
      label: T.search.hit(hit.rank, hit.name, score(hit.score), verdict),
      over: [
        hit.outline && hit.verdict === "same"
          ? drawn(hit, hit.outline, "outlined")
          : hit.box && !hit.outline && drawn(hit, corners(hit.box), "found"),
        liked && h("span", { class: "judged yes" }, icon("yes"), h("span", { class: "unseen" }, T.search.yes)),
      ],
      under: verdict
        ? [h("span", { class: "verdict" }, verdict), h("span", { class: "score quiet" }, score(hit.score))]
        : h("span", { class: "score" }, score(hit.score)),
    });
    const picks = chosen.picks;
    const acts = () =>
      h(
        "div",
        { class: "acts" },
        judging("yes", liked ? "on" : ""),
        judging("no"),
        act(T.search.withThis, "search", () => searchFor(hit.id)),
        act(T.search.withPart, "box", (event) => boxOn(held.name, hit, event.target.closest("li"))),
      );
    later(() => element.querySelector("a").after(picks(hit), acts()));
    return hit.cut ? [h("li", { class: "rest" }), h("li", { class: "cut" }, T.search.cut), element] : element;
  };

  /** The search's pages: without what was rejected, and with a mark on the first hit that is not convincing. */
  function pages(address, held, signal) {
    const rejected = new Set(address.no);
    let rank = 0;
    let convinced = false;
    return async (cursor, k = PAGE) => {
      const asked = { ...request(address), k, cursor };
      const answer = await post(inside(held.name, "/search"), asked, signal);
      if (!cursor) performance.mark("likewise:answer");
      const items = answer.hits.filter((hit) => !rejected.has(`p${hit.id}`));
      for (const hit of items) {
        hit.rank = rank += 1;
        hit.cut = convinced && hit.verdict === "nothing";
        convinced = ["same", "alike"].includes(hit.verdict);
      }
      return { ...answer, items };
    };
  }

  async function run(address, held, judged, above = null) {
    control?.abort();
    control = new AbortController();
    const { signal } = control;
    const again = () => run(address, held, judged);
    const stop = () => {
      control.abort();
      put(body, empty(T.stopped, null, button(T.again, { name: "retry", onclick: again })));
    };
    const late = setTimeout(
      () => (shown ? element.classList.add("stale") : put(body, working(T.search.searching, stop))),
      150,
    );
    const long = setTimeout(
      () => shown && put(status, working(T.search.searching), cancelling()),
      1000,
    );
    try {
      const load = pages(address, held, signal);
      const first = await begin(load, judged ? (shown?.items.length ?? PAGE) : PAGE);
      if (judged && shown) {
        clearTimeout(late);
        clearTimeout(long);
        element.classList.remove("stale");
        await still(body);
      }
      if (kept("scroll") !== undefined) await above;
      if (signal.aborted) return;
      draw(first, load, held, judged);
    } catch (error) {
      if (signal.aborted) return;
      shown = null;
      put(status);
      put(tools);
      put(
        body,
        problem(error, again),
      );
    } finally {
      clearTimeout(late);
      clearTimeout(long);
      if (!signal.aborted) element.classList.remove("stale");
    }
  }

  /** What asks for too long can be left: the step before had its list already. */
  const cancelling = () => button(T.cancel, { kind: "link", onclick: () => history.back() });

  function draw(first, load, held, judged) {
    const lost = (shown && focused(shown.list)) ?? pending;
    pending = null;
    const top = () => shown.list.getBoundingClientRect().top;
    const before = shown && top(); // what stood above it while it was waited for goes
    shown?.close();
    chosen?.close();
    chosen = selection(held, { judge: judgeAll });
    shown = grid({
      label: T.search.results,
      first,
      load,
      tile: hitTile(held),
      ended: (count) => count > PAGE && shown?.foot(h("p", { class: "quiet" }, T.search.end)),
    });
    put(
      status,
      found(first),
      first.left_out > 0 && h("p", { class: "wrong" }, T.search.leftOut(first.left_out)),
      first.recall != null && h("p", { class: "quiet" }, T.search.recall(first.recall)),
    );
    put(tools, first.items.length > 0 && taking(held));
    put(body, first.items.length ? [shown.element, chosen.bar] : empty(T.search.none, T.search.noneHint));
    if (judged && kept("scroll") === undefined) scrollBy(0, before === null ? 0 : top() - before);
    else if (!back(shown.list) && element.getBoundingClientRect().top < 0) element.scrollIntoView();
    if (lost) refocus(shown.list, judged ? lost : { place: 0 });
    else if (document.activeElement === document.body) heading.focus({ preventScroll: true });
    told();
    measure(shown.list);
  }

  /** The list as a file, as far as it is asked for: nothing of it is shown. */
  function taking(held) {
    const all = async () => {
      const load = pages(current(), held, control.signal);
      const hits = [];
      for (let next = null; next !== undefined && hits.length < MOST; ) {
        const page = await load(next, PACK);
        hits.push(...page.items.map(({ cut, ...hit }) => hit));
        next = page.next ?? undefined;
      }
      return hits;
    };
    return savers(held.name, all);
  }

  element.addEventListener("keydown", (event) => {
    const item = event.target.closest("li.tile");
    if (!item || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const hit = shown.items.find((one) => String(one.id) === item.dataset.id);
    const key = event.key.toLowerCase();
    if (key === "y" || key === "n") judge(key === "y" ? "yes" : "no", hit.id, hit.name);
    else if (key === "s") searchFor(hit.id);
    else if (key === "b") {
      event.preventDefault();
      boxOn(on.name, hit, item);
    }
  });

  return {
    element,
    update(address, held, above) {
      on = held;
      const { yes, no, ...rest } = request(address);
      const key = JSON.stringify([held.name, rest]);
      const judged = JSON.stringify([yes, no]);
      if (asked?.key !== key || asked.judged !== judged) {
        pending = (shown && focused(shown.list)) ?? pending;
        run(address, held, asked?.key === key, above);
      }
      asked = { key, judged };
    },
    close() {
      control?.abort();
      shown?.close();
      chosen?.close();
    },
    /** The hits there are, for walking through them. */
    get hits() {
      return shown?.items ?? [];
    },
    more: () => shown?.more(),
  };
}

const corners = ([x1, y1, x2, y2]) => [
  [x1, y1],
  [x2, y1],
  [x2, y2],
  [x1, y2],
];
