// The shell: header, navigation, and the view that the address names.

import { at, change, current, onMove, undo, write } from "./api/address.js";
import { ApiError } from "./api/requests.js";
import { button, choice, h, icon, put, typing } from "./parts/dom.js";
import { showKeys } from "./parts/dialogs.js";
import { onFiles } from "./parts/files.js";
import { empty, mount, problem } from "./parts/notices.js";
import { lost } from "./api/offline.js";
import { collection, collections, session, start } from "./api/session.js";
import { searchWith } from "./views/start.js";
import { T } from "./strings.js";
import { themeSwitch, tilesSwitch } from "./parts/switch.js";

const VIEWS = {
  search: () => import("./views/search.js"),
  browse: () => import("./views/browse.js"),
  map: () => import("./views/browse.js"),
  add: () => import("./views/add.js"),
  inspect: () => import("./views/inspect.js"),
  evaluate: () => import("./views/evaluate.js"),
};
const LATER = 3000; // milliseconds after the start, which they would only slow down
const TABS = ["search", "browse", "add", "inspect", "evaluate"];

const main = h("main", { id: "content", tabindex: "-1" });
const nav = h("nav", { "aria-label": T.nav.label, class: "tabs" });
const chooserPlace = h("div", { class: "which" });
let shown = { name: null, view: null };

/** A link for the keyboard only, to what `there` answers. */
const skip = (text, there) =>
  h(
    "a",
    {
      class: "skip",
      href: "#content",
      onclick: (event) => {
        event.preventDefault();
        (there() ?? main).focus();
      },
    },
    text,
  );

function header() {
  return h(
    "header",
    { class: "top" },
    skip(T.skip, () => main),
    skip(T.skipResults, () => document.getElementById("results")),
    h("a", { class: "mark", href: "/search" }, icon("mark"), h("span", {}, T.name)),
    nav,
    chooserPlace,
    h(
      "div",
      { class: "tools" },
      button(T.keys.open, { name: "keys", shown: false, kind: "keysbutton", onclick: showKeys }),
      tilesSwitch(),
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
  document.title = T.titled(T.nav[address.view] ?? T.name);
  if (!(address.view in VIEWS)) return close(nowhere());
  const key = address.view === "map" ? "browse" : address.view;
  const held = collection(address.c);
  if (!held && address.view !== "evaluate") return close(elsewhere());
  if (shown.name === key) return shown.view.update(address, held);
  close();
  shown.name = key;
  const { open } = await VIEWS[address.view]();
  if (shown.name !== key) return;
  shown.view = open(main, address, held);
  scrollTo(0, 0);
}

const elsewhere = () =>
  empty(
    T.errors.noCollection,
    collections.length > 0 && T.errors.others,
    ...collections.map(({ name }) => h("a", { class: "button", href: write({ view: "search", c: name }) }, name)),
  );

const nowhere = () =>
  empty(
    T.errors.nowhere,
    null,
    h("a", { class: "button strong", href: at("search") }, icon("search"), T.nav.search),
  );

/** A view could not be opened: what is not the server's word is a script that could not be fetched. */
function broken(error) {
  if (error.code) return close(problem(error, () => show(current()).catch(broken)));
  lost();
  close(problem(new ApiError("unreachable", T.errors.unreachable), () => location.reload()));
}

function close(instead) {
  onFiles((files) => searchWith(files));
  shown.view?.close?.();
  shown = { name: null, view: { update: () => undefined } };
  put(main, instead);
}

addEventListener("keydown", (event) => {
  const z = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (z && !typing(event.target) && undo()) event.preventDefault();
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
  document.getElementById("shell").remove(); // it was there for the first paint
  document.body.append(header(), main);
  mount();
  history.scrollRestoration = "manual";
  onMove((address) => show(address).catch(broken));
  try {
    await start();
  } catch (error) {
    return put(
      main,
      problem(error, () => location.reload()),
    );
  }
  document.documentElement.classList.toggle("readonly", !session.can_write);
  await show(current()).catch(broken);
  setTimeout(others, LATER);
}

/** Fetch what was not needed yet: with it a server that stops takes nothing away. */
const others = () =>
  [...Object.values(VIEWS), () => import("./views/why.js"), () => import("./parts/sheet.js")].forEach((load) =>
    load().catch(() => undefined),
  );

begin();
