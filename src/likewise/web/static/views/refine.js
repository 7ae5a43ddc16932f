// What narrows or goes on after the search: folder, way of describing, size of the part, stages.

import { change, readQuery, writeQuery } from "../api/address.js";
import { describe, get, inside } from "../api/requests.js";
import { choice, h } from "../parts/dom.js";
import { filterFields } from "../parts/filter.js";
import { fail } from "../parts/notices.js";
import { collection } from "../api/session.js";
import { T } from "../strings.js";

/** { name: { option: "value" } } from the stages in the address. */
const readStages = (then) =>
  Object.fromEntries(
    then.map((text) => {
      const [name, rest = ""] = text.split(":");
      return [
        name,
        Object.fromEntries(
          rest
            .split(",")
            .filter(Boolean)
            .map((pair) => pair.split("=")),
        ),
      ];
    }),
  );

/** The address's list from what is chosen, in the order of the server. */
const writeStages = (all, chosen) =>
  all
    .filter(({ name }) => chosen[name])
    .map(({ name }) => {
      const options = Object.entries(chosen[name]).map(([key, value]) => `${key}=${value}`);
      return options.length ? `${name}:${options.join(",")}` : name;
    });

function stageField(all, chosen, { name, about, options }) {
  const set = (values) => {
    const next = { ...chosen };
    if (values) next[name] = values;
    else delete next[name];
    change({ then: writeStages(all, next), hit: null });
  };
  const box = h("input", {
    type: "checkbox",
    checked: name in chosen,
    "data-focus": `stage-${name}`,
    onchange: () => set(box.checked ? {} : null),
  });
  const numbers = options.map((option) => {
    const field = h("input", {
      type: "number",
      step: "any",
      min: option.least,
      max: option.most,
      value: chosen[name]?.[option.name] ?? option.default,
      "data-focus": `stage-${name}-${option.name}`,
      onchange: () => field.reportValidity() && set({ ...chosen[name], [option.name]: field.value }),
    });
    return h("label", { class: "field small" }, h("span", { class: "label" }, option.name), field);
  });
  return h(
    "li",
    { class: "stage" },
    h(
      "label",
      { class: "check" },
      box,
      h("span", {}, h("b", {}, T.search.stage[name] ?? name), h("span", { class: "quiet" }, about)),
    ),
    name in chosen &&
      numbers.length > 0 &&
      h("details", {}, h("summary", {}, T.search.stageOptions), h("div", { class: "numbers" }, numbers)),
  );
}

const focusable = (field, key) => {
  field.querySelector("select").dataset.focus = key;
  return field;
};

/** The form for an address. */
export function refineForm(address, held, { folders, stages, counts }) {
  const usable = stages.filter(({ name }) =>
    held.distance === "words" ? ["expand", "localise"].includes(name) : held.localise || name !== "localise",
  );
  const deep = folders.map(({ path, pictures }) => [path, `${path} (${pictures})`]);
  const ways = [held.name, ...held.same_pictures];
  const boxed = address.q.some((word) => word.includes("@"));
  const own = address.q.some((word) => word.endsWith("~own"));
  const crop = (value) =>
    change({
      q: address.q.map(
        (word) => word.replace(/~own$/, "") + (value === "own" && word.includes("@") ? "~own" : ""),
      ),
      hit: null,
    });
  return h(
    "form",
    { class: "refine", "aria-label": T.search.refine, onsubmit: (event) => event.preventDefault() },
    deep.length > 1 &&
      focusable(
        choice(T.search.folder, [["", T.search.everywhere], ...deep], address.folder ?? "", (folder) =>
          change({ folder, hit: null }),
        ),
        "folder",
      ),
    filterFields(address, counts),
    ways.length > 1 &&
      focusable(
        choice(
          T.search.recipe,
          ways.map((name) => [name, T.search.way(collection(name)?.recipe, name)]),
          held.name,
          (c) => sameIn(c, address, held),
        ),
        "recipe",
      ),
    boxed &&
      focusable(choice(T.search.crop, Object.entries(T.search.crops), own ? "own" : "whole", crop), "crop"),
    h(
      "fieldset",
      {},
      h("legend", {}, T.search.stages),
      h(
        "ul",
        { class: "stages" },
        usable.map((stage) => stageField(usable, readStages(address.then), stage)),
      ),
    ),
  );
}

/** The same search in another collection of the same pictures: ids differ there, so pictures are found by their path. */
async function sameIn(c, address, held) {
  const carry = async (word) => {
    const query = readQuery(word);
    if (query.upload) return word;
    const { path } = await describe(held.name, query);
    const { pictures } = await get(inside(c, "/pictures"), { path, k: 1 });
    const there = pictures.find((picture) => picture.path === path);
    return there ? writeQuery({ ...query, picture: there.id }) : null;
  };
  const all = async (words) => (await Promise.all(words.map(carry))).filter(Boolean);
  try {
    change({ c, q: await all(address.q), yes: await all(address.yes), no: await all(address.no), hit: null });
  } catch (error) {
    fail(error);
  }
}
