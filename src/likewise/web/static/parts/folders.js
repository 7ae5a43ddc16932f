// Walk through the folders that the server allows, and add one.

import { get } from "../api/requests.js";
import { button, h, icon, put } from "./dom.js";
import { problem, working } from "./notices.js";
import { T } from "../strings.js";

/** `take(root, path)` is called with the folder to add. */
export function folders(take) {
  const body = h("div", { class: "folders" }, working(T.loading));
  let roots = [];

  const row = (name, onclick) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "folder", onclick },
        icon("folder"),
        h("span", { class: "grow" }, name),
        icon("right"),
      ),
    );

  const crumbs = (root, path) => {
    const parts = path ? path.split("/") : [];
    const link = (text, onclick, last) =>
      h(
        "li",
        {},
        last ? h("b", { "aria-current": "location" }, text) : button(text, { kind: "link", onclick }),
      );
    return h(
      "nav",
      { "aria-label": T.add.path },
      h(
        "ol",
        { class: "crumbs" },
        roots.length > 1 && link("…", drawRoots, false),
        link(root, () => draw(root, ""), parts.length === 0),
        parts.map((part, at) =>
          link(part, () => draw(root, parts.slice(0, at + 1).join("/")), at === parts.length - 1),
        ),
      ),
    );
  };

  async function draw(root, path) {
    try {
      const inside = await get(`/roots/${encodeURIComponent(root)}/folders`, { path });
      const deeper = inside.folders.map((name) =>
        row(name, () => draw(root, path ? `${path}/${name}` : name)),
      );
      put(
        body,
        crumbs(root, path),
        deeper.length
          ? h("ul", { class: "plain-list folder-list" }, deeper)
          : h("p", { class: "quiet" }, T.add.noFolders),
        h(
          "div",
          { class: "row" },
          h("p", { class: "quiet grow" }, T.add.direct(inside.pictures)),
          button(T.add.add, { name: "add", kind: "strong", onclick: () => take(root, path) }),
        ),
        h("p", { class: "quiet" }, T.add.foldersHint),
      );
    } catch (error) {
      put(
        body,
        problem(error, () => draw(root, "")),
      );
    }
  }

  function drawRoots() {
    put(
      body,
      h(
        "ul",
        { class: "plain-list folder-list" },
        roots.map(({ name }) => row(name, () => draw(name, ""))),
      ),
    );
  }

  const begin = () =>
    get("/roots")
      .then((answer) => {
        roots = answer.roots;
        if (roots.length === 0) put(body, h("p", { class: "quiet" }, T.add.noRoots));
        else if (roots.length === 1) draw(roots[0].name, "");
        else drawRoots();
      })
      .catch((error) => put(body, problem(error, begin)));
  begin();
  return body;
}
