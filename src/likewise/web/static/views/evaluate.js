// The evaluate view: runs listed, one run, or two compared, as the address says.

import { at, change, go } from "../api/address.js";
import { get } from "../api/requests.js";
import { button, h, put } from "../parts/dom.js";
import { date, value, whole } from "../parts/format.js";
import { compared } from "./compared.js";
import { back } from "../parts/grid.js";
import { empty, problem, working } from "../parts/notices.js";
import { runPage } from "./run.js";
import { table } from "../parts/table.js";
import { T } from "../strings.js";

export const interval = (pair) => (pair ? `${value(pair[0])} to ${value(pair[1])}` : "–");
export const runName = (run) => `${run.benchmark}, ${run.recipe}`;

export function open(main, address) {
  let asked = null;

  async function drawList() {
    const { runs } = await get("/runs");
    if (runs.length === 0)
      return put(
        main,
        h(
          "div",
          { class: "evaluate" },
          h("h1", {}, T.evaluate.title),
          empty(T.evaluate.none, T.evaluate.noneHint),
        ),
      );
    const chosen = [];
    const compare = button(T.evaluate.compare, {
      name: "evaluate",
      kind: "strong",
      disabled: true,
      onclick: () => go(at("evaluate", { run: chosen[0], other: chosen[1] })),
    });
    const pick = (run) => {
      const box = h("input", { type: "checkbox", "aria-label": T.evaluate.pick(runName(run)) });
      box.checked = chosen.includes(run.id);
      box.addEventListener("change", () => {
        if (box.checked) chosen.push(run.id);
        else chosen.splice(chosen.indexOf(run.id), 1);
        compare.disabled = chosen.length !== 2;
      });
      return box;
    };
    const columns = [
      { name: T.browse.select, silent: true, value: () => "", show: pick, fixed: true },
      {
        name: T.evaluate.benchmark,
        value: (run) => run.benchmark,
        show: (run) => h("a", { href: at("evaluate", { run: run.id }) }, run.benchmark),
      },
      { name: T.evaluate.recipe, value: (run) => run.recipe },
      { name: T.evaluate.crop, value: (run) => run.crop },
      { name: T.evaluate.measure, value: (run) => run.measure },
      {
        name: T.evaluate.value,
        key: "value",
        kind: "number",
        value: (run) => run.value,
        show: (run) => h("b", {}, value(run.value)),
      },
      {
        name: T.evaluate.interval,
        kind: "number",
        value: (run) => run.interval?.[0] ?? null,
        show: (run) => interval(run.interval),
      },
      {
        name: T.evaluate.queries,
        kind: "number",
        value: (run) => run.queries,
        show: (run) => whole(run.queries),
      },
      { name: T.evaluate.made, value: (run) => run.made, show: (run) => date(run.made) },
    ];
    const list = table({
      label: T.evaluate.runs,
      columns,
      rows: runs,
      sorted: address.sort ?? "",
      onsort: (sort) => change({ sort }, { replace: true }),
    });
    put(
      main,
      h(
        "div",
        { class: "evaluate" },
        h(
          "div",
          { class: "row" },
          h("h1", { class: "grow" }, T.evaluate.title),
          runs.length > 1 && h("p", { class: "quiet" }, T.evaluate.hint),
          runs.length > 1 && compare,
        ),
        list,
      ),
    );
  }

  async function update(next) {
    address = next;
    const key = JSON.stringify([address.run, address.other, address.query]);
    if (key === asked) return;
    asked = key;
    put(main, working(T.loading));
    try {
      if (address.run && address.other) await compared(main, address);
      else if (address.run) await runPage(main, address);
      else await drawList();
      back();
    } catch (error) {
      asked = null;
      put(
        main,
        h(
          "div",
          { class: "evaluate" },
          h("a", { class: "link", href: at("evaluate") }, T.evaluate.all),
          problem(error, () => update(address)),
        ),
      );
    }
  }

  update(address);
  return { update };
}
