// What the collection is: recipe, network, sizes, dates.

import { h, put } from "../parts/dom.js";
import { bytes, date, whole } from "../parts/format.js";
import { T } from "../strings.js";

export function section(body, address, held) {
  const draw = () => {
    const facts = [
      [T.facts.pictures, whole(held.pictures)],
      [T.facts.failures, whole(held.failures)],
      [T.facts.changed, date(held.changed)],
      [T.facts.bytes, bytes(held.bytes ?? 0)],
      [T.facts.roots, held.roots.join(", ") || "–"],
      [T.facts.recipe, held.recipe],
      [T.facts.network, held.network],
      [T.facts.dimensions, held.dimensions && whole(held.dimensions)],
      [T.facts.code, held.code],
      [T.facts.distance, held.distance],
      [T.facts.engine, held.engine],
      [T.facts.precision, held.precision],
      [T.facts.exact, T.facts.exactly[held.explains]],
      [T.facts.hash, held.recipe_hash],
      [T.facts.weights, held.weights_hash?.slice(0, 12)],
      [T.facts.generation, whole(held.generation)],
    ];
    put(
      body,
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? T.facts.none))),
      ),
      held.recipe_toml &&
        h(
          "details",
          { class: "source", open: true },
          h("summary", {}, T.facts.recipeText),
          h("pre", { tabindex: "0" }, held.recipe_toml),
        ),
    );
  };
  draw();
  return {
    update(_, collection) {
      held = collection;
      draw();
    },
  };
}
