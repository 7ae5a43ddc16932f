// Two switches of how the page looks: its colours, and the size of pictures in lists. Both are kept in the browser.

import { button, put, icon } from "./dom.js";
import { T } from "../strings.js";

/** A button that goes through choices; the first is the usual one and stands in no attribute. */
function cycle({ key, order, words, pictured }) {
  const root = document.documentElement.dataset;
  const read = () => root[key] ?? order[0];
  const all = button("", { name: pictured(read()), shown: false });
  const draw = () => {
    const label = `${words.label}: ${words[read()].toLowerCase()}`;
    put(all, icon(pictured(read())));
    all.title = label;
    all.setAttribute("aria-label", label);
  };
  all.addEventListener("click", () => {
    const next = order[(order.indexOf(read()) + 1) % order.length];
    if (next === order[0]) delete root[key];
    else root[key] = next;
    try {
      localStorage.setItem(`likewise.${key}`, next);
    } catch {
      // storage may be forbidden: the choice then lasts as long as the page
    }
    draw();
  });
  draw();
  return all;
}

export const themeSwitch = () =>
  cycle({ key: "theme", order: ["system", "light", "dark"], words: T.theme, pictured: (name) => name });

export const tilesSwitch = () =>
  cycle({ key: "tiles", order: ["medium", "large", "small"], words: T.tiles, pictured: () => "browse" });
