// The address holds the whole state. A query is written p12 or u0f3a..., then @x1,y1,x2,y2 and ~own.

const LISTS = ["q", "then"];
const SETS = ["yes", "no"];

/** Query record of the API from its word in the address; null when it is none. */
export function readQuery(word) {
  const found = /^(?:p(\d+)|(u[0-9a-f]+))(?:@(-?\d+),(-?\d+),(-?\d+),(-?\d+))?(~own)?$/.exec(word);
  if (!found) return null;
  const query = found[1] ? { picture: Number(found[1]) } : { upload: found[2] };
  if (found[3] !== undefined) query.box = found.slice(3, 7).map(Number);
  if (found[7]) query.crop = "own";
  return query;
}

export const writeQuery = (query) =>
  (query.upload ?? `p${query.picture}`) +
  (query.box ? `@${query.box.join(",")}` : "") +
  (query.crop === "own" ? "~own" : "");

export function read(location) {
  const params = new URLSearchParams(location.search);
  const address = { view: location.pathname.split("/")[1] || "search" };
  for (const name of LISTS) address[name] = params.getAll(name);
  for (const name of SETS)
    address[name] = (params.get(name) ?? "").split("_").filter((word) => readQuery(word));
  for (const [name, value] of params) if (!(name in address)) address[name] = value;
  address.q = address.q.filter((word) => readQuery(word));
  return address;
}

export function write({ view, ...state }) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (LISTS.includes(name)) value.forEach((one) => params.append(name, one));
    else if (SETS.includes(name)) value.length && params.set(name, value.join("_"));
    else if (value !== undefined && value !== null && value !== "") params.set(name, value);
  }
  const query = params
    .toString()
    .replaceAll("%40", "@")
    .replaceAll("%2C", ",")
    .replaceAll("%3A", ":")
    .replaceAll("%2F", "/")
    .replaceAll("%3D", "=");
  return `/${view}${query ? `?${query}` : ""}`;
}

/** An address of another view, in the same collection. */
export const at = (view, state = {}) => write({ view, c: current().c, ...state });

export const current = () => read(window.location);

const keepers = new Map();
/** Have something kept with a step of the history when it is left: `tell` answers what, in plain values. */
export const keep = (name, tell) => (tell ? keepers.set(name, tell) : keepers.delete(name));
/** What was kept with the step that one is at; undefined on a step that is new. */
export const kept = (name) => (left.get(here) ?? history.state)?.[name];

// A step that one comes from by Back or Forward is no longer at hand to be written to: it is kept here.
const left = new Map();
let here = history.state?.step;
let steps = 0;

const told = () => ({
  scroll: window.scrollY,
  ...Object.fromEntries([...keepers].map(([name, tell]) => [name, tell()])),
});

function leaving() {
  left.set(here, told());
  history.replaceState({ ...history.state, ...left.get(here) }, "");
}
addEventListener("pagehide", leaving);

const listeners = new Set();
export const onMove = (listener) => listeners.add(listener);
const tell = () => listeners.forEach((listener) => listener(current()));

/** Go to an address as a step that Back undoes; `replace` for what is no step of its own. A mark is kept with the step. */
export function go(url, { replace = false, mark = null } = {}) {
  leaving();
  if (replace) history.replaceState(history.state, "", url);
  else {
    here = `${performance.timeOrigin} ${(steps += 1)}`; // no other step of this tab has it
    history.pushState({ mark, step: here }, "", url);
  }
  tell();
}

/** Undo a step that was made with a mark; without one, replace it by `state`. */
export function leave(mark, state) {
  if (history.state?.mark === mark) history.back();
  else change(state, { replace: true });
}

const UNDONE = new Set(["judged", "boxed"]);
/** Take back the last box or judgement, if that was the last step. */
export function undo() {
  const undone = UNDONE.has(history.state?.mark);
  if (undone) history.back();
  return undone;
}

/** Change part of the state. */
export const change = (state, options) => go(write({ ...current(), ...state }), options);

addEventListener("popstate", () => {
  left.set(here, told());
  here = history.state?.step;
  tell();
});

addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href^='/']") : null;
  if (
    !link ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey
  )
    return;
  if (link.target || link.hasAttribute("download") || link.pathname.startsWith("/api")) return;
  event.preventDefault();
  go(link.getAttribute("href"), { mark: link.dataset.mark ?? null });
});
