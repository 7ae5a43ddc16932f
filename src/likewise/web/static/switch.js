// The switch between the system's colours, light and dark.

import { button, put, icon } from "./dom.js";
import { T } from "./strings.js";

const ORDER = ["system", "light", "dark"];

function read() {
  return document.documentElement.dataset.theme ?? "system";
}

function write(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("likewise.theme", theme);
  } catch {
    // storage may be forbidden: the choice then lasts as long as the page
  }
}

export function themeSwitch() {
  const all = button("", { name: "system", shown: false });
  const draw = () => {
    const label = `${T.theme.label}: ${T.theme[read()].toLowerCase()}`;
    put(all, icon(read()));
    all.title = label;
    all.setAttribute("aria-label", label);
  };
  all.addEventListener("click", () => {
    write(ORDER[(ORDER.indexOf(read()) + 1) % ORDER.length]);
    draw();
  });
  draw();
  return all;
}
