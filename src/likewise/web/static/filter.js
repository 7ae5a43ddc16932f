// Which pictures are meant: a filter in words, and choices by year, camera and rating beside it.

import { change } from "./address.js";
import { get, inside } from "./api.js";
import { choice, h, unique } from "./dom.js";
import { T } from "./strings.js";

/** What can be chosen by, and what a value is as a condition of the filter language. */
const CHOICES = {
  year: (value) => `taken = ${value}`,
  camera: (value) => `camera = '${value.replaceAll("'", "''")}'`,
  rating: (value) => `rating = ${value}`,
};
const NOTHING = { year: "taken is missing", camera: "camera is missing", rating: "rating is missing" };

/** All that an address leaves out, as one filter; null for nothing. */
export function filterOf(address) {
  const chosen = Object.keys(CHOICES)
    .map((name) => address[name])
    .filter(Boolean);
  const words = address.where?.trim();
  if (!words) return chosen.join(" and ") || null;
  return chosen.length ? `(${words}) and ${chosen.join(" and ")}` : words;
}

/** No filter at all, for an address. */
export const unfiltered = { where: null, year: null, camera: null, rating: null };

/** Counts of what is meant by the words of an address; of everything where these cannot be understood. */
export async function counted(name, where) {
  const all = (params) => get(inside(name, "/facets"), params);
  return where ? all({ where }).catch(() => all({})) : all({});
}

/** The fields for an address, by what `counted` gave. */
export function filterFields(address, { facets, columns }) {
  const hint = unique("filter");
  const field = h("input", {
    type: "text",
    value: address.where ?? "",
    placeholder: T.search.whereExample,
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": hint,
    "data-focus": "where",
    onchange: () => change({ where: field.value.trim() || null, hit: null }),
  });
  const choices = Object.keys(CHOICES).map((name) => {
    const values = facets.find((one) => one.name === name)?.values ?? [];
    if (!address[name] && values.every(({ value }) => value === null)) return null;
    const options = values.map(({ value, pictures }) => [
      value === null ? NOTHING[name] : CHOICES[name](value),
      `${value ?? T.search.unknown} (${pictures})`,
    ]);
    const held = address[name] ?? "";
    if (held && !options.some(([one]) => one === held)) options.push([held, held]);
    const list = choice(T.search.facet[name], [["", T.search.any], ...options], held, (condition) =>
      change({ [name]: condition || null, hit: null }),
    );
    list.querySelector("select").dataset.focus = `filter-${name}`;
    return list;
  });
  const own = columns.length ? ` ${T.search.columns(columns)}` : "";
  return [
    h("label", { class: "field" }, h("span", { class: "label" }, T.search.where), field),
    h("p", { class: "quiet", id: hint }, T.search.whereHint + own),
    ...choices,
  ];
}
