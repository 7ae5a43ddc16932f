// Taking results away: paths to the clipboard, lists as tables, as JSON and as a sheet of pictures.

import { button } from "./dom.js";
import { fail, notice } from "./notices.js";
import { save } from "./saving.js";
import { T } from "../strings.js";

const COLUMNS = ["rank", "id", "path", "score", "verdict", "expected_false", "width", "height", "bytes"];

/** A value of a table; what a spreadsheet would take for a formula is text. */
function cell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Pictures as comma-separated values with a line of names. */
export function csv(pictures) {
  const columns = COLUMNS.filter((name) => pictures.some((one) => one[name] !== undefined));
  return [columns, ...pictures.map((one) => columns.map((name) => one[name]))]
    .map((row) => row.map(cell).join(","))
    .join("\r\n")
    .concat("\r\n");
}

/** Pictures as JSON, with their outlines. */
export const json = (pictures) => `${JSON.stringify(pictures, null, 1)}\n`;


/** Where the browser gives pages no clipboard (http from another machine), a field that is selected does it. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** Copy the paths of pictures, a line each. */
export async function copyPaths(pictures) {
  await copy(pictures.map(({ path }) => path).join("\n"));
  notice(T.take.copied(pictures.length));
}

const saveTable = (name, pictures) => save(`${name}.csv`, new Blob([csv(pictures)], { type: "text/csv" }));
const saveJson = (name, pictures) =>
  save(`${name}.json`, new Blob([json(pictures)], { type: "application/json" }));

const saveSheet = async (name, pictures) => (await import("./sheet.js")).saveSheet(name, pictures);

/** Buttons that save pictures in each way; `all` answers which. Their ids are those of a collection. */
export const savers = (collection, all) =>
  [
    [T.take.csv, saveTable],
    [T.take.json, saveJson],
    [T.take.sheet, saveSheet],
  ].map(([text, keep]) =>
    button(text, {
      kind: "link",
      onclick: () =>
        all()
          .then((pictures) => keep(collection, pictures))
          .catch(fail),
    }),
  );
