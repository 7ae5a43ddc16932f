// The score of a hit taken apart in words: by layers, by the pictures asked for, before and after the stages.

import { change, readQuery } from "../api/address.js";
import { h } from "../parts/dom.js";
import { score } from "../parts/format.js";
import { T } from "../strings.js";

const kindOf = (then) => then.split(":")[0];

/** The stages of an address that change scores. */
const moving = (address) => address.then.filter((one) => kindOf(one) !== "localise");

/** True for one picture without judgements or stages. */
export const isPlain = (address) =>
  address.q.length === 1 && !address.yes.length && !address.no.length && !address.then.length;

const row = (name, value) =>
  h("div", {}, h("dt", {}, name), h("dd", { class: "score" }, value === null ? "" : score(value)));

/** A picture of the query as a button that draws it, where there are several. */
const picture = (place, active) =>
  h(
    "button",
    {
      type: "button",
      class: "button link",
      "aria-pressed": String(place === active),
      onclick: () => change({ on: place || null }, { replace: true }),
    },
    T.search.query(place + 1),
  );

/** What adds up to the score: of each layer, or of each picture. */
function ledger({ found, shares }, address, active) {
  const several = address.q.length > 1;
  if (found?.evidence) {
    const names = Object.entries(found.evidence);
    return [
      h("p", {}, names.length > 1 ? T.why.sum : T.why.one),
      h(
        "dl",
        { class: "ledger" },
        names.map(([name, value]) => row({ fit: T.why.fit, expansion: T.why.expansion }[name] ?? T.why.layer(name), value)),
      ),
      several &&
        h(
          "p",
          { class: "quiet" },
          T.why.draw,
          address.q.map((_, place) => picture(place, active)),
        ),
    ];
  }
  const kinds = [
    ...address.q.map((_, place) => (several ? picture(place, active) : T.why.query)),
    ...address.yes.map((_, place) => T.why.liked(place + 1)),
    ...address.no.map((_, place) => T.why.disliked(place + 1)),
  ];
  if (kinds.length < 2) return [];
  return [
    h("p", {}, shares ? T.why.pictures : T.why.together),
    h(
      "dl",
      { class: "ledger" },
      kinds.map((name, place) => row(name, shares?.[place] ?? null)),
    ),
  ];
}

/** What the outline is around. */
function around({ outline, hit }, box) {
  if (box) return T.why.outline.box;
  const atEdge = ([x, y]) => (x === 0 || x === hit.width) && (y === 0 || y === hit.height);
  return outline.every(atEdge) ? T.why.outline.whole : T.why.outline.part;
}

/** What is drawn, and what part of the score that is. */
function sentences(answer, address, place, shown) {
  const part = address.q.length > 1 ? T.search.query(place + 1) : null;
  const whole = !part && isPlain(address) && !answer.found?.evidence;
  const drawn = answer.outline
    ? T.why.fits(answer.inliers, shown, around(answer, readQuery(address.q[place]).box))
    : answer.found?.evidence
      ? T.why.loose
      : null;
  const heat = answer.outline
    ? null
    : whole
      ? T.why.exact
      : T.why.exactPart(score(answer.score), answer.layer, part);
  return [drawn, heat].filter(Boolean).join(" ");
}

/** All of it for an answer of the server about a hit. */
export function account(answer, address, { place, shown }) {
  const { found, shares } = answer;
  const before = shares?.reduce((sum, one) => sum + one, 0) ?? null;
  const staged = found && moving(address);
  return [
    h(
      "p",
      { class: "sum" },
      found && T.search.verdict[found.verdict] && h("b", { class: "verdict" }, T.search.verdict[found.verdict]),
      h("b", { class: "score" }, score(found?.score ?? answer.score)),
      h(
        "span",
        { class: "quiet", "data-rank": true },
        !found ? T.why.unlisted : found.expected_false != null && T.why.falseOnes(found.expected_false),
      ),
    ),
    staged?.length > 0 &&
      h(
        "p",
        {},
        T.why.staged(
          staged.map((one) => T.search.stage[kindOf(one)] ?? one),
          before === null ? null : score(before),
        ),
      ),
    ...ledger(answer, address, place),
    h("p", {}, sentences(answer, address, place, shown)),
    h("p", { class: "quiet" }, T.why.boxHint),
  ];
}
