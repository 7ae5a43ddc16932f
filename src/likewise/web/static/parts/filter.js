// Which pictures are meant: a filter in words, and choices by year, camera and rating beside it.

import { change } from "../api/address.js";
import { get, inside } from "../api/requests.js";
import { choice, h, unique } from "./dom.js";
import { T } from "../strings.js";

/** What can be chosen by, and what a value is as a condition of the filter language. */
const CHOICES = {
  year: (value) => `taken = ${value}`,
  camera: (value) => `camera = '${value.replaceAll("'", "''")}'`,
  rating: (value) => `rating = ${value}`,
};
const NOTHING = { year: "taken is missing", camera: "camera is missing", rating: "rating is missing" };

/** The condition that a file's name holds a text, whatever signs are in it. */
const named = (text) =>
  text && `name like '%${text.replace(/[\\%_]/g, "\\$&").replaceAll("'", "''")}%'`;

/** Conditions that all have to be true, as one; null for none. */
const all = (conditions) => conditions.filter(Boolean).join(" and ") || null;

/** What an address says in words: a filter, and a part of the name. */
const said = ({ where, name }) => {
  const words = where?.trim();
  return all([words && (name ? `(${words})` : words), named(name)]);
};

/** All that an address leaves out, as one filter; null for nothing. */
export function filterOf(address) {
  const chosen = Object.keys(CHOICES).map((name) => address[name]);
  const words = said(address);
  return all([words && chosen.some(Boolean) ? `(${words})` : words, ...chosen]);
}

/** No filter at all, for an address. */
export const unfiltered = { where: null, name: null, year: null, camera: null, rating: null };

/** Counts of what an address says in words; of everything where that cannot be understood. */
export async function counted(collection, address) {
  const counts = (params) => get(inside(collection, "/facets"), params);
  const where = said(address);
  return where ? counts({ where }).catch(() => counts({})) : counts({});
}

/** A field for a part of the name. */
export function nameField(address) {
  const field = h("input", {
    type: "search",
    value: address.name ?? "",
    spellcheck: "false",
    autocomplete: "off",
    "data-focus": "name",
    onchange: () => change({ name: field.value.trim() || null, hit: null }),
  });
  return h("label", { class: "field" }, h("span", { class: "label" }, T.search.nameHas), field);
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
  const own = columns.length ? ` ${T.search.columns(columns)}` : "";
  return [
    nameField(address),
    h("label", { class: "field" }, h("span", { class: "label" }, T.search.where), field),
    h("p", { class: "quiet", id: hint }, T.search.whereHint + own),
    ...choices(address, facets),
  ];
}

/** A choice by each thing that pictures are counted by, where there is more than one value. */
export const choices = (address, facets) =>
  Object.keys(CHOICES).map((name) => {
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
