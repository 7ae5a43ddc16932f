// A table whose columns sort when their heading is pressed.

import { h, icon } from "./dom.js";
import { T } from "../strings.js";

const compare = (a, b) => {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return typeof a === "number" && typeof b === "number"
    ? a - b
    : String(a).localeCompare(String(b), "en", { numeric: true });
};

/**
 * Columns: { name, value(row), show(row, value), kind, fixed, silent, key }: a `silent` name is heard only. `sorted` names the column to begin with, with a
 * minus before it for the largest first; `onsort` is told of changes.
 */
export function table({ label, columns, rows, sorted = "", onsort = () => undefined }) {
  const body = h("tbody", {});
  const heads = columns.map((column) =>
    h(
      "th",
      { scope: "col", class: column.kind },
      column.fixed
        ? h("span", { class: column.silent && "unseen" }, column.name)
        : h(
            "button",
            { type: "button", title: T.evaluate.sort(column.name), onclick: () => press(column) },
            column.name,
            icon("more"),
          ),
    ),
  );
  let by = (sorted && columns.find((column) => (column.key ?? column.name) === sorted.replace(/^-/, ""))) || null;
  let down = sorted.startsWith("-");

  const cell = (column, row) => {
    const value = column.value(row);
    return h("td", { class: column.kind }, column.show ? column.show(row, value) : String(value ?? "–"));
  };

  const draw = () => {
    const ordered = by ? [...rows].sort((a, b) => compare(by.value(a), by.value(b)) * (down ? -1 : 1)) : rows;
    body.replaceChildren(
      ...ordered.map((row) =>
        h(
          "tr",
          {},
          columns.map((column) => cell(column, row)),
        ),
      ),
    );
    heads.forEach((head, at) => {
      if (columns[at] === by) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };

  function press(column) {
    const first = typeof column.value(rows[0] ?? {}) === "number";
    down = by === column ? !down : first;
    by = column;
    draw();
    onsort((down ? "-" : "") + (column.key ?? column.name));
  }

  draw();
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": label, tabindex: "0" },
    h("table", {}, h("caption", { class: "unseen" }, label), h("thead", {}, h("tr", {}, heads)), body),
  );
}
