// The panel beside the results: the picture searched for with its box, more pictures, feedback, refining.

import { change, readQuery, writeQuery } from "../api/address.js";
import { describe, get, inside, queryPicture } from "../api/requests.js";
import { boxEditor } from "../parts/box.js";
import { button, h, put } from "../parts/dom.js";
import { chooser } from "../parts/files.js";
import { counted, unfiltered } from "../parts/filter.js";
import { fail, problem } from "../parts/notices.js";
import { refineForm } from "./refine.js";
import { session, stages } from "../api/session.js";
import { searchWith } from "./start.js";
import { DRAGGED, strip } from "../parts/tile.js";
import { T } from "../strings.js";

const bare = (word) => word.replace(/@.*/, "").replace(/~own$/, "");

/** Draw anew without losing the place of the keyboard. */
function keepFocus(root, draw) {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const open = [...root.querySelectorAll("details")].map((one) => one.open);
  draw();
  root.querySelectorAll("details").forEach((one, place) => (one.open = open[place] ?? false));
  if (key) root.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus();
}

const active = (address) => Math.min(Number(address.on ?? 0) || 0, address.q.length - 1);

export function panel() {
  const editorPlace = h("div", { class: "editor" });
  const under = h("div", {});
  const feedback = h("div", { class: "judgements" });
  const refine = h("div", {});
  const element = h(
    "aside",
    { class: "panel", "aria-label": T.search.panel },
    editorPlace,
    under,
    feedback,
    h("details", { class: "refine-box", open: innerWidth > 900 }, h("summary", {}, T.search.refine), refine),
  );
  let editor = null;
  let editing = null;
  let shown = null;
  let listed = null; // the query whose list stands there: it may come before the picture

  const carries = (event) => event.dataTransfer.types.includes(DRAGGED);
  element.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  element.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    const { q } = addressNow();
    const word = event.dataTransfer.getData(DRAGGED);
    if (!q.includes(word) && q.length < (session.limits.queries ?? 16)) change({ q: [...q, word], hit: null });
  });

  async function drawEditor(address, held) {
    const query = readQuery(address.q[active(address)]);
    const key = held.name + bare(writeQuery(query));
    if (key === shown) return editor?.set(query.box ?? null);
    shown = key;
    editor = null;
    try {
      const { width, height, name } = await describe(held.name, query);
      if (shown !== key) return;
      editor = boxEditor({
        src: queryPicture(held.name, query, 480),
        width,
        height,
        name: name ?? T.search.panel,
        box: query.box ?? null,
        onbox: boxed,
      });
      editing = { held, query };
      put(editorPlace, editor.element);
      if (listed === key) suggest();
    } catch (error) {
      if (shown !== key) return;
      shown = null;
      put(
        editorPlace,
        problem(error, () => drawEditor(address, held)),
      );
    }
  }

  function drawUnder(address, held) {
    const place = active(address);
    const query = readQuery(address.q[place]);
    const several = address.q.length > 1;
    const words = address.q.map((word, at) => ({
      query: readQuery(word),
      name: T.search.query(at + 1),
      leaveName: T.search.removeQuery(at + 1),
    }));
    put(
      under,
      h(
        "div",
        { class: "row hint" },
        h("p", { class: "quiet" }, query.box ? T.search.boxIs(query.box) : T.search.boxHint),
        query.box &&
          button(T.search.whole, { kind: "link", "data-focus": "whole", onclick: () => boxed(null) }),
      ),
      several &&
        strip(held.name, words, {
          label: T.search.queries,
          active: place,
          open: (on) => change({ on: on || null }, { replace: true }),
          leave: drop,
        }),
      h(
        "div",
        { class: "buttons" },
        address.q.length < (session.limits.queries ?? 16) &&
          chooser(T.search.another, {
            take: (files) => searchWith(files, address.q).catch(fail),
            name: "add",
            "data-focus": "another",
          }),
        button(T.search.fresh, {
          name: "search",
          "data-focus": "fresh",
          onclick: () =>
            change({ q: [], yes: [], no: [], then: [], folder: null, ...unfiltered, hit: null, on: null }),
        }),
      ),
    );
  }

  function drawFeedback(address, held) {
    const part = (list, title) => {
      if (address[list].length === 0) return null;
      const words = address[list].map((word) => ({
        query: readQuery(word),
        name: word,
        leaveName: T.search.drop1(word),
      }));
      const leave = (at) => change({ [list]: address[list].filter((_, one) => one !== at), hit: null });
      return h(
        "section",
        { class: `feedback ${list}` },
        h("h2", {}, title),
        strip(held.name, words, { label: title, leave }),
      );
    };
    put(feedback, part("yes", T.search.yesList), part("no", T.search.noList));
  }

  function boxed(box) {
    const address = addressNow();
    const q = [...address.q];
    const query = readQuery(q[active(address)]);
    q[active(address)] = writeQuery({ ...query, box, crop: box ? query.crop : undefined });
    change({ q, hit: null }, { mark: "boxed" });
  }

  function drop(at) {
    const address = addressNow();
    change({ q: address.q.filter((_, one) => one !== at), on: null, hit: null });
  }

  /** Places to press on the picture; asked for when the list stands there, and missing where that fails. */
  async function suggest() {
    listed = shown;
    const on = editor;
    const { held, query } = editing ?? {};
    if (!on || on.suggested) return;
    on.suggested = true;
    const asked = query.upload ? { upload: query.upload } : { picture: query.picture };
    const { boxes } = await get(inside(held.name, "/subjects"), asked).catch(() => ({ boxes: [] }));
    on.suggest(boxes);
  }

  let addressNow = () => null;
  let facts = null;

  function drawRefine(address, held) {
    const key = JSON.stringify([held.name, held.generation, address.where, address.name]);
    if (facts?.key !== key) {
      const asked = [get(inside(held.name, "/folders")), stages(), counted(held.name, address)];
      facts = { key, known: Promise.all(asked) };
    }
    facts.known.then(
      ([{ folders }, all, counts]) =>
        address === addressNow() &&
        keepFocus(refine, () => put(refine, refineForm(address, held, { folders, stages: all, counts }))),
      (error) => {
        if (address !== addressNow()) return;
        facts = null;
        put(
          refine,
          problem(error, () => drawRefine(address, held)),
        );
      },
    );
  }

  return {
    element,
    suggest,
    /** Answers when the picture stands there, which has the list below it on a small screen. */
    update(address, held) {
      addressNow = () => address;
      const drawn = drawEditor(address, held);
      keepFocus(under, () => drawUnder(address, held));
      drawFeedback(address, held);
      drawRefine(address, held);
      return drawn;
    },
  };
}
