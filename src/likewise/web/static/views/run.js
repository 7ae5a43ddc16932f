// One run: its value and protocol, its curve, its queries, and the sheet of one query.

import { at, change } from "../api/address.js";
import { get } from "../api/requests.js";
import { curves } from "../parts/charts.js";
import { h, icon, put } from "../parts/dom.js";
import { interval, runName } from "./evaluate.js";
import { value } from "../parts/format.js";
import { table } from "../parts/table.js";
import { T } from "../strings.js";

export const back = () => h("a", { class: "link", href: at("evaluate") }, icon("left"), T.evaluate.all);

const written = (value) =>
  value === null || value === undefined || value === ""
    ? "–"
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);

const card = (record) =>
  h(
    "details",
    { class: "card", open: true },
    h("summary", {}, h("h2", {}, T.evaluate.card)),
    h(
      "dl",
      { class: "facts tight one" },
      Object.entries(record).map(([name, value]) =>
        h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, written(value))),
      ),
    ),
  );

const boxOver = ({ box, width, height }) => {
  if (!box || !width) return null;
  const frame = h("span", { class: "found" });
  frame.style.left = `${(100 * box[0]) / width}%`;
  frame.style.top = `${(100 * box[1]) / height}%`;
  frame.style.width = `${(100 * (box[2] - box[0])) / width}%`;
  frame.style.height = `${(100 * (box[3] - box[1])) / height}%`;
  return frame;
};

const answer = (one, verdict, text) =>
  h(
    "li",
    { class: `answer ${verdict}` },
    h(
      "div",
      { class: "plain" },
      h("img", {
        src: one.thumbnail,
        alt: one.name,
        loading: "lazy",
        onerror: (event) => event.target.closest("li").classList.add("lost"),
      }),
      boxOver(one),
    ),
    h(
      "p",
      {},
      h("b", { class: "verdict" }, T.evaluate.verdicts[verdict] ?? verdict),
      " ",
      h("span", { class: "quiet" }, text),
    ),
  );

/** The first answers to one query. */
async function sheet(run, number_) {
  const query = await get(`/runs/${run.id}/queries/${number_}`, { k: 24 });
  return h(
    "section",
    { class: "card" },
    h(
      "h2",
      { tabindex: "-1" },
      T.evaluate.sheet(query.name),
      " ",
      h("span", { class: "quiet" }, value(query.value)),
    ),
    h(
      "ol",
      { class: "sheet-list" },
      answer(query, "query", ""),
      query.answers.map((one) => answer(one, one.verdict, `${one.rank} · ${value(one.score)}`)),
    ),
  );
}

export async function runPage(main, address) {
  const run = await get(`/runs/${address.run}`);
  const shown = address.query === undefined ? null : await sheet(run, address.query);
  const columns = [
    {
      name: T.evaluate.query,
      value: (one) => one.name,
      show: (one) => h("a", { href: at("evaluate", { run: run.id, query: one.number }) }, one.name),
    },
    {
      name: T.evaluate.ofOne(run.measure),
      key: "value",
      kind: "number",
      value: (one) => one.value,
      show: (one) => value(one.value),
    },
    { name: T.evaluate.positives, kind: "number", value: (one) => one.positives },
  ];
  const list = table({
    label: T.evaluate.table,
    columns,
    rows: run.table,
    sorted: address.sort ?? "",
    onsort: (sort) => change({ sort }, { replace: true }),
  });
  const curve = run.curve?.recall?.length
    ? curves([{ x: run.curve.recall, y: run.curve.precision }], {
        x: T.evaluate.recall,
        y: T.evaluate.precision,
        label: T.evaluate.curve,
      })
    : null;
  put(
    main,
    h(
      "div",
      { class: "evaluate" },
      back(),
      h("h1", {}, runName(run)),
      h(
        "p",
        { class: "headline" },
        h("b", {}, value(run.value)),
        h("span", { class: "quiet" }, `${run.measure}, ${T.evaluate.interval} ${interval(run.interval)}`),
      ),
      shown,
      h(
        "div",
        { class: "two" },
        h("section", { class: "card" }, h("h2", {}, T.evaluate.table), list),
        h(
          "div",
          { class: "stack" },
          curve && h("section", { class: "card" }, h("h2", {}, T.evaluate.curve), curve),
          card(run.card ?? {}),
        ),
      ),
    ),
  );
  if (shown) shown.querySelector("h2").focus();
}
