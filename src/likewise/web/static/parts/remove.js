// Remove asks once and can be undone for a day; what was removed lately is remembered in this browser.

import { inside, post } from "../api/requests.js";
import { confirm } from "./dialogs.js";
import { fail, notice } from "./notices.js";
import { refresh } from "../api/session.js";
import { T } from "../strings.js";

const KEY = "likewise.removed";
const listeners = new Set();

/** Be told when pictures came or went. Answers what stops it. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export async function changed() {
  await refresh().catch(() => undefined);
  listeners.forEach((listener) => listener());
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function remember(list) {
  try {
    localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // storage may be forbidden: the notice still has its button
  }
}

/** What can still be brought back in a collection. */
export const removed = (collection) =>
  remembered().filter((one) => one.collection === collection && one.until > Date.now() / 1000);

export async function undo(collection, token) {
  try {
    const { restored } = await post(inside(collection, "/undo"), { undo: token });
    notice(T.remove.undone(restored));
  } finally {
    remember(remembered().filter((one) => one.undo !== token));
    await changed();
  }
}

/** Ask once, remove, and offer to undo. True when it was done. */
export async function removePictures(collection, pictures) {
  if (!(await confirm(T.remove.title(pictures.length), T.remove.text, T.remove.go))) return false;
  await told(collection, await post(inside(collection, "/remove"), { pictures }), T.remove.done);
  return true;
}

/** Ask once, throw the files of copies away, and offer to undo. True when it was done. */
export async function throwAway(collection, pictures, threshold) {
  const { trashTitle, trashText, trash, thrown, left } = T.duplicates;
  if (!(await confirm(trashTitle(pictures.length), trashText, trash))) return false;
  const answer = await post(inside(collection, "/duplicates/trash"), { pictures, threshold });
  await told(collection, answer, thrown);
  if (answer.left.length) notice(left(answer.left.length));
  return true;
}

/** Remember what was removed, say so, and offer to undo it. */
async function told(collection, answer, done) {
  const made = {
    collection,
    undo: answer.undo,
    until: answer.until,
    count: answer.removed,
    at: Date.now() / 1000,
  };
  remember([made, ...remembered().filter((one) => one.until > made.at)].slice(0, 20));
  notice(done(answer.removed), {
    label: T.remove.undo,
    action: () => undo(collection, answer.undo).catch(fail),
  });
  await changed();
}
