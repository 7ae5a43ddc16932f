// The one way of being without the server, and of coming back: a line that stays until it answers again.

import { button, h } from "../parts/dom.js";
import { T } from "../strings.js";

const OFTEN = 2000; // milliseconds between looks for the server
const waiting = new Set();
let timer = 0;
const bar = h(
  "div",
  { class: "offline", role: "alert", hidden: true },
  h("p", {}, T.errors.offline),
  button(T.errors.retry, { name: "retry", onclick: look }),
);

/** The server did not answer: say so, and look for it. */
export function lost() {
  if (!bar.hidden) return;
  document.body.append(bar);
  bar.hidden = false;
  timer = setInterval(look, OFTEN);
}

/** Have something done once, as soon as the server answers again. */
export const onReturn = (act) => waiting.add(act);

async function look() {
  const answer = await fetch("/api/v1/health").catch(() => null);
  if (!answer?.ok || bar.hidden) return;
  bar.hidden = true;
  clearInterval(timer);
  for (const place of document.querySelectorAll(".lost")) {
    place.classList.remove("lost");
    for (const picture of place.querySelectorAll("img")) picture.setAttribute("src", picture.getAttribute("src"));
  }
  const all = [...waiting];
  waiting.clear();
  all.forEach((act) => act());
}
