// Two runs, query by query.

import { at, change } from "../api/address.js";
import { get } from "../api/requests.js";
import { h, put } from "../parts/dom.js";
import { interval, runName } from "./evaluate.js";
import { number, value as shown } from "../parts/format.js";
import { back } from "./run.js";
import { table } from "../parts/table.js";
import { T } from "../strings.js";

/** A difference with its bar; the longest bar stands for `most`. */
const difference = (value, most) => {
  const bar = h("span", { class: `bar-value ${value < 0 ? "less" : "more"}` });
  bar.style.width = `${(50 * Math.abs(value)) / (most || 1)}%`;
  return h(
    "span",
    { class: "bar-cell" },
    h("span", {}, `${value > 0 ? "+" : ""}${shown(value)}`),
    h("span", { class: "bar-track" }, bar),
  );
};

/** The queries that the runs answer most differently. */
const largestFirst = (rows) => [...rows].sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));

export async function compared(main, address) {
  const answer = await get(`/runs/${address.run}/compare/${address.other}`);
  const { first, second } = answer;
  const most = Math.max(0, ...answer.table.map((one) => Math.abs(one.difference)));
  const size = shown(Math.abs(answer.difference));
  const word =
    answer.difference > 0
      ? T.evaluate.better(size)
      : answer.difference < 0
        ? T.evaluate.worse(size)
        : T.evaluate.equal;
  const side = (title, run) =>
    h(
      "section",
      { class: "card" },
      h("h2", {}, title),
      h("p", {}, h("a", { href: at("evaluate", { run: run.id }) }, runName(run))),
      h("p", { class: "headline" }, h("b", {}, shown(run.value)), h("span", { class: "quiet" }, run.measure)),
    );
  const columns = [
    {
      name: T.evaluate.query,
      value: (one) => one.name,
      show: (one) => h("a", { href: at("evaluate", { run: second.id, query: one.number }) }, one.name),
    },
    { name: T.evaluate.first, kind: "number", value: (one) => one.first, show: (one) => shown(one.first) },
    { name: T.evaluate.second, kind: "number", value: (one) => one.second, show: (one) => shown(one.second) },
    {
      name: T.evaluate.difference,
      key: "difference",
      kind: "number",
      value: (one) => one.difference,
      show: (one) => difference(one.difference, most),
    },
  ];
  put(
    main,
    h(
      "div",
      { class: "evaluate" },
      back(),
      h("h1", {}, T.evaluate.compared),
      h("div", { class: "two even" }, side(T.evaluate.first, first), side(T.evaluate.second, second)),
      h(
        "p",
        { class: "verdict-line" },
        T.evaluate.differs(
          word,
          interval(answer.interval),
          answer.p < 0.001 ? "< 0.001" : `= ${number(answer.p)}`,
        ),
      ),
      table({
        label: T.evaluate.compared,
        columns,
        rows: largestFirst(answer.table),
        sorted: address.sort ?? "",
        onsort: (sort) => change({ sort }, { replace: true }),
      }),
    ),
  );
}
