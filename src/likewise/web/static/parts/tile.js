// One picture in a grid, and small pictures in a strip.

import { get, inside, queryPicture, thumbnail } from "../api/requests.js";
import { button, h, svg } from "./dom.js";
import { measures } from "./format.js";
import { extreme, shape, side } from "./grid.js";
import { T } from "../strings.js";

const LEAST = 100; // pixels of the longer side
const RESTED = 300; // milliseconds after which a pointer rests

/** The kind of data that a dragged picture is: its word in the address. */
export const DRAGGED = "application/x-likewise";

/** True for an icon, which is shown as it is: enlarged it would be a blur. */
const tiny = ({ width, height }) => Math.max(width, height) < LEAST;

/** When a pointer rests on a tile, its title tells what the file says, too: when it was taken, and with what. */
function rest({ currentTarget: item, pointerType }, collection, id) {
  if (pointerType !== "mouse" || item.dataset.said) return;
  const timer = setTimeout(async () => {
    const told = await get(inside(collection, `/pictures/${id}/said`)).catch(() => null);
    if (!told || item.dataset.said) return;
    item.dataset.said = true;
    item.title += `\n${T.why.known(told)}`;
  }, RESTED);
  item.addEventListener("pointerleave", () => clearTimeout(timer), { once: true });
}

/** A picture as a list item: a link with what lies over and under it; with a `word` it can be dragged. */
export const tile = (
  collection,
  picture,
  { href, label, over = [], under = null, below = null, mark = null, eager = false, word = null },
) =>
  h(
    "li",
    {
      class: ["tile", extreme(picture) && "extreme", tiny(picture) && "tiny"].filter(Boolean).join(" "),
      vars: shape(picture),
      "data-id": picture.id,
      title: `${picture.path}\n${measures(picture)}`,
      onpointerenter: (event) => rest(event, collection, picture.id),
    },
    h(
      "a",
      {
        href,
        "aria-label": label,
        "data-mark": mark,
        draggable: String(word !== null),
        ondragstart: (event) => word && event.dataTransfer.setData(DRAGGED, word),
      },
      h("img", {
        src: thumbnail(collection, picture.id, side(picture)),
        alt: "",
        loading: eager ? "eager" : "lazy",
        decoding: "async",
        onerror: lost,
        draggable: "false",
      }),
    ),
    over,
    h(
      "p",
      { class: "under" },
      h("span", { class: "main" }, under, h("span", { class: "name" }, picture.name)),
      h("span", { class: "folder" }, picture.folder),
    ),
    below && h("p", { class: "below quiet" }, below),
  );

/** Corners in a picture's own pixels as a line over its tile, which shows all of a picture of extreme shape. */
export function drawn(picture, corners, kind) {
  const { width, height } = picture;
  const points = corners.map((corner) => corner.join(",")).join(" ");
  const lines = svg(
    "svg",
    {
      class: "lines",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: extreme(picture) ? "xMidYMid meet" : "none",
      "aria-hidden": "true",
    },
    svg("polygon", { class: kind, points }),
  );
  return h("span", { class: "over" }, lines);
}

function lost(event) {
  event.target.closest("li, .small")?.classList.add("lost");
}

/** Small pictures with a way to leave each out. */
export const strip = (collection, words, { label, leave, open = null, active = null }) =>
  h(
    "ul",
    { class: "strip", "aria-label": label },
    words.map(({ query, name, leaveName }, place) => {
      const picture = h("img", {
        src: queryPicture(collection, query, 96),
        alt: open ? "" : name,
        onerror: lost,
      });
      return h(
        "li",
        { class: "small" },
        open
          ? h(
              "button",
              {
                type: "button",
                class: "thumb",
                "aria-label": name,
                "aria-pressed": String(place === active),
                "data-focus": `thumb-${label}-${place}`,
                onclick: () => open(place),
              },
              picture,
            )
          : picture,
        leave &&
          button(leaveName, { name: "close", shown: false, kind: "leave", onclick: () => leave(place) }),
      );
    }),
  );
