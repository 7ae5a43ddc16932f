// Plots as SVG: a histogram, and a curve in the unit square.

import { h, svg } from "./dom.js";
import { number } from "./format.js";

const WIDTH = 420;
const HEIGHT = 130;

/** Bars of a histogram; the lowest and highest edge stand under it. Heights are roots: rare values stay visible. */
export function histogram({ edges, counts }, label) {
  const most = Math.max(1, ...counts);
  const wide = WIDTH / counts.length;
  const bars = counts.map((count, at) => {
    const tall = count ? Math.max(1, HEIGHT * Math.sqrt(count / most)) : 0;
    return svg("rect", {
      x: at * wide + 0.5,
      y: HEIGHT - tall,
      width: Math.max(1, wide - 1),
      height: tall,
      rx: 1,
    });
  });
  return h(
    "figure",
    { class: "chart" },
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
      bars,
    ),
    h("div", { class: "axis" }, h("span", {}, number(edges[0])), h("span", {}, number(edges.at(-1)))),
  );
}

/** Curves in the unit square, each { name, x, y }. */
export function curves(all, { x, y, label }) {
  const size = 260;
  const path = (one) =>
    one.x
      .map(
        (value, at) => `${at ? "L" : "M"}${(value * size).toFixed(1)} ${(size * (1 - one.y[at])).toFixed(1)}`,
      )
      .join("");
  const lines = [0.25, 0.5, 0.75].flatMap((part) => [
    svg("path", { class: "rule", d: `M0 ${part * size}H${size}` }),
    svg("path", { class: "rule", d: `M${part * size} 0V${size}` }),
  ]);
  return h(
    "figure",
    { class: "chart square" },
    h("figcaption", { class: "axis-y" }, y),
    svg(
      "svg",
      { viewBox: `-1 -1 ${size + 2} ${size + 2}`, role: "img", "aria-label": label },
      lines,
      svg("rect", { class: "edge", width: size, height: size }),
      all.map((one, at) => svg("path", { class: `curve c${at}`, d: path(one) })),
    ),
    h("div", { class: "axis" }, h("span", {}, "0"), h("span", {}, x), h("span", {}, "1")),
  );
}
