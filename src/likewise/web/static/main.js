// The shell: header, navigation, and the view that the address names.

import { at, change, current, onMove } from "./address.js";
import { button, choice, h, icon, put, typing } from "./dom.js";
import { showKeys } from "./dialogs.js";
import { onFiles } from "./files.js";
import { empty, mount, problem } from "./notices.js";
import { collection, collections, session, start } from "./session.js";
import { T } from "./strings.js";
import { themeSwitch } from "./switch.js";

const VIEWS = {
  search: () => import("./search.js"),
  browse: () => import("./browse.js"),
  map: () => import("./browse.js"),
  add: () => import("./add.js"),
  inspect: () => import("./inspect.js"),
  evaluate: () => import("./evaluate.js"),
};
const TABS = ["search", "browse", "add", "inspect", "evaluate"];

const main = h("main", { id: "content", tabindex: "-1" });
const nav = h("nav", { "aria-label": T.nav.label, class: "tabs" });
const chooserPlace = h("div", { class: "which" });
let shown = { name: null, view: null };

function header() {
  return h(
    "header",
    { class: "top" },
    h(
      "a",
      { class: "skip", href: "#content", onclick: (event) => (event.preventDefault(), main.focus()) },
      T.skip,
    ),
    h("a", { class: "mark", href: "/search" }, icon("mark"), h("span", {}, T.name)),
    nav,
    chooserPlace,
    h(
      "div",
      { class: "tools" },
      button(T.keys.open, { name: "keys", shown: false, kind: "keysbutton", onclick: showKeys }),
      themeSwitch(),
    ),
  );
}

function drawNav(address) {
  const active = address.view === "map" ? "browse" : address.view;
  put(
    nav,
    TABS.map((name) =>
      h(
        "a",
        { href: at(name), "aria-current": name === active && "page" },
        icon(name),
        h("span", {}, T.nav[name]),
      ),
    ),
  );
  const names = collections.map((one) => [one.name, one.name]);
  put(
    chooserPlace,
    collections.length > 1 &&
      choice(T.collection, names, address.c ?? names[0][0], (c) =>
        change({ c, q: [], yes: [], no: [], hit: null, folder: null, cluster: null }),
      ),
  );
}

async function show(address) {
  drawNav(address);
  const key = address.view === "map" ? "browse" : address.view;
  const held = collection(address.c);
  if (!held && address.view !== "evaluate") return close(empty(T.errors.noCollection));
  if (shown.name === key) return shown.view.update(address, held);
  close();
  shown.name = key;
  const { open } = await (VIEWS[address.view] ?? VIEWS.search)();
  if (shown.name !== key) return;
  document.title = T.titled(T.nav[key] ?? T.name);
  shown.view = open(main, address, held);
  scrollTo(0, 0);
}

function close(instead) {
  onFiles(null);
  shown.view?.close?.();
  shown = { name: null, view: { update: () => undefined } };
  put(main, instead);
}

addEventListener("keydown", (event) => {
  if (
    typing(event.target) ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    document.querySelector("dialog[open]")
  )
    return;
  if (event.key === "?") showKeys();
  if (event.key === "/") {
    event.preventDefault();
    change({ view: "search", q: [], yes: [], no: [], then: [], hit: null });
  }
});

async function begin() {
  document.body.append(header(), main);
  mount();
  history.scrollRestoration = "manual";
  onMove((address) => show(address).catch((error) => close(problem(error))));
  try {
    await start();
  } catch (error) {
    return put(
      main,
      problem(error, () => location.reload()),
    );
  }
  document.documentElement.classList.toggle("readonly", !session.can_write);
  await show(current());
}

begin();
