// The hits: a search for what the address says, page by page.

import { at, change, current, readQuery, write } from "./address.js";
import { inside, post } from "./api.js";
import { button, h, icon, put, svg, typing } from "./dom.js";
import { duration, score } from "./format.js";
import { filterOf } from "./filter.js";
import { grid } from "./grid.js";
import { empty, problem, working } from "./notices.js";
import { tile } from "./tile.js";
import { T } from "./strings.js";

const PAGE = 40;

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

/** Put a hit among the likes or dislikes, or take it out again. */
export function judge(list, id) {
  const address = current();
  const word = `p${id}`;
  const other = list === "yes" ? "no" : "yes";
  const held = address[list].includes(word);
  change({
    [list]: held ? address[list].filter((one) => one !== word) : [...address[list], word],
    [other]: address[other].filter((one) => one !== word),
  });
}

export const searchFor = (id, box = null) =>
  change({
    view: "search",
    q: [`p${id}${box ? `@${box.join(",")}` : ""}`],
    yes: [],
    no: [],
    hit: null,
    on: null,
  });

/** Wait for the frame after the next one: by then what was put into the page is painted. */
const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

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

export function results() {
  const status = h("p", { class: "status", role: "status" });
  const body = h("div", {});
  const element = h("section", { class: "results", "aria-label": T.search.results }, status, body);
  let asked = null;
  let shown = null;
  let control = null;

  const hitTile = (held) => (hit) => {
    const address = current();
    const act = (text, name, onclick) =>
      button(text, { name, shown: false, kind: "round", tabindex: "-1", onclick });
    const marks = ["yes", "no"].filter((list) => address[list].includes(`p${hit.id}`));
    const element = tile(held.name, hit, {
      href: write({ ...address, hit: hit.id }),
      mark: "hit",
      eager: hit.rank <= 12,
      label: T.search.hit(hit.rank, hit.name, score(hit.score)),
      over: [
        hit.outline && hit.verdict === "same" ? outlined(hit) : hit.box && !hit.outline && found(hit),
        h(
          "div",
          { class: "acts" },
          act(T.search.yes, "yes", () => judge("yes", hit.id)),
          act(T.search.no, "no", () => judge("no", hit.id)),
          act(T.search.withThis, "search", () => searchFor(hit.id)),
        ),
        marks.length > 0 &&
          h(
            "span",
            { class: `judged ${marks[0]}` },
            icon(marks[0]),
            h("span", { class: "unseen" }, T.search[marks[0]]),
          ),
      ],
      under: h(
        "span",
        { class: "score" },
        score(hit.score),
        T.search.verdict[hit.verdict] && ` · ${T.search.verdict[hit.verdict]}`,
      ),
    });
    return element;
  };

  const page = async (address, held, cursor) => {
    const answer = await post(inside(held.name, "/search"), { ...request(address), cursor }, control.signal);
    if (!cursor) performance.mark("likewise:answer");
    return { ...answer, items: answer.hits };
  };

  async function run(address, held) {
    control?.abort();
    control = new AbortController();
    const { signal } = control;
    const late = setTimeout(
      () => (shown ? element.classList.add("stale") : put(body, working(T.search.searching))),
      150,
    );
    try {
      const first = await page(address, held, null);
      shown?.close();
      shown = grid({
        label: T.search.results,
        first,
        load: (cursor) => page(address, held, cursor),
        tile: hitTile(held),
        ended: (count) => count > PAGE && shown?.foot(h("p", { class: "quiet" }, T.search.end)),
      });
      const told = T.search.found(first.total, duration(first.seconds));
      put(status, told, first.left_out > 0 && h("p", { class: "quiet" }, T.search.leftOut(first.left_out)));
      put(body, first.items.length ? shown.element : empty(T.search.none, T.search.noneHint));
      const before = history.state?.scroll;
      if (before !== undefined) scrollTo(0, before);
      else if (element.getBoundingClientRect().top < 0) element.scrollIntoView();
      measure(shown.list);
    } catch (error) {
      if (signal.aborted) return;
      shown = null;
      put(status);
      put(
        body,
        problem(error, () => run(address, held)),
      );
    } finally {
      clearTimeout(late);
      if (!signal.aborted) element.classList.remove("stale");
    }
  }

  element.addEventListener("keydown", (event) => {
    const id = event.target.closest("li")?.dataset.id;
    if (!id || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "y") judge("yes", id);
    else if (key === "n") judge("no", id);
    else if (key === "s") searchFor(id);
  });

  return {
    element,
    update(address, held) {
      const key = JSON.stringify([held.name, request(address)]);
      if (key !== asked) run(address, held);
      asked = key;
    },
    close() {
      control?.abort();
      shown?.close();
    },
    /** The hits there are, for walking through them. */
    get hits() {
      return shown?.items ?? [];
    },
    total: () => shown?.items.length ?? 0,
    more: () => shown?.more(),
  };
}

/** The query's corners in a hit that was verified. */
function outlined({ outline, width, height }) {
  const points = outline.map((corner) => corner.join(",")).join(" ");
  const lines = svg(
    "svg",
    { class: "lines", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polygon", { class: "outlined", points }),
  );
  return h("span", { class: "over" }, lines);
}

/** Where `localise` found the query, drawn over the tile. */
function found({ box: [x1, y1, x2, y2], width, height }) {
  const frame = h("span", { class: "found" });
  frame.style.left = `${(100 * x1) / width}%`;
  frame.style.top = `${(100 * y1) / height}%`;
  frame.style.width = `${(100 * (x2 - x1)) / width}%`;
  frame.style.height = `${(100 * (y2 - y1)) / height}%`;
  return h("span", { class: "over" }, frame);
}
