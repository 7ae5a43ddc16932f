// Short messages at the foot of the page, and the live region that screen readers hear.

import { button, h, put } from "./dom.js";
import { percent } from "./format.js";
import { onReturn } from "../api/offline.js";
import { T } from "../strings.js";

const list = h("div", { class: "notices" });
const live = h("div", { class: "unseen", role: "status", "aria-live": "polite" });

export const mount = () => document.body.append(list, live);

/** Say something to a screen reader only. */
export function say(text) {
  live.textContent = "";
  setTimeout(() => (live.textContent = text), 50);
}

/** Show a message; with an action it stays until it is closed. */
export function notice(text, { action, label, kind = "" } = {}) {
  const close = () => box.remove();
  const act = action && button(label, { kind: "link", onclick: () => (close(), action()) });
  const box = h(
    "div",
    { class: `toast ${kind}`, role: kind === "wrong" ? "alert" : "status" },
    h("p", {}, text),
    act,
    button(T.close, { name: "close", shown: false, onclick: close }),
  );
  list.append(box);
  while (list.children.length > 3) list.firstChild.remove();
  setTimeout(close, action ? 60000 : 6000);
}

/**
 * Show at the foot of the page, wherever one is, that something is done until it is. `work` is given a signal to
 * stop by, and what shows how much is done, from 0 to 1: to be read, but not aloud at each change.
 */
export async function doing(text, work) {
  const control = new AbortController();
  const share = h("span", { class: "share" });
  const box = h(
    "div",
    { class: "toast" },
    working(text, () => control.abort(), share),
  );
  list.append(box);
  try {
    return await work(control.signal, (part) => (share.textContent = percent(Math.floor(100 * part) / 100)));
  } finally {
    box.remove();
  }
}

/** The server's messages begin as the command line's do, in small letters. */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const fail = (error) => {
  if (error.name === "AbortError") return;
  notice(sentence(error.code ? error.message : T.errors.unknown), { kind: "wrong" });
  if (!error.code) console.error(error);
};

/** What stands where content would be: a heading, a sentence, what to do. */
export const empty = (title, text, ...actions) =>
  h(
    "div",
    { class: "empty" },
    h("h2", {}, title),
    text && h("p", {}, text),
    actions.length > 0 && h("div", { class: "buttons" }, actions),
  );

/** That something goes on; with `stop` it can be stopped, and `more` is not read aloud. */
export const working = (text, stop = null, more = null) =>
  h(
    "p",
    { class: "working" },
    h("span", { class: "spinner", "aria-hidden": "true" }),
    h("span", { role: "status" }, text),
    more,
    stop && button(T.stop, { kind: "link", onclick: stop }),
  );

const running = new WeakMap();
/**
 * Do what takes long where its result is to stand: `work` is given a signal to ask with. Who does not want to
 * wait stops it, and can begin it again; what is begun anew in the same place ends what went on there.
 */
export async function awaited(place, text, work) {
  running.get(place)?.abort();
  const control = new AbortController();
  running.set(place, control);
  const again = () => awaited(place, text, work);
  const stopped = () => put(place, empty(T.stopped, null, button(T.again, { name: "retry", onclick: again })));
  put(
    place,
    working(text, () => (control.abort(), stopped())),
  );
  try {
    await work(control.signal);
  } catch (error) {
    if (!control.signal.aborted) put(place, problem(error, again));
  }
}

/** True where the same request may go well another time. */
const passing = ({ code, status }) => !code || !status || status === 429 || status >= 500;

/** An error where content would be, with a way to try again where that may help; by itself once the server is back. */
export function problem(error, again) {
  if (!error.code) console.error(error);
  const element = h(
    "div",
    { class: "empty", role: "alert" },
    h("p", {}, sentence(error.code ? error.message : T.errors.unknown)),
    again &&
      passing(error) &&
      h("div", { class: "buttons" }, button(T.errors.retry, { name: "retry", onclick: again })),
  );
  if (again && error.code === "unreachable") onReturn(() => element.isConnected && again());
  return element;
}
