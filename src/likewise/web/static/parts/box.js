// Draw, move and resize a box on a picture, by pointer or by keys. A box is [x1, y1, x2, y2] in the picture's own pixels.

import { h, unique } from "./dom.js";
import { say } from "./notices.js";
import { T } from "../strings.js";

const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const LEAST = 8; // a shorter drag, in CSS pixels, was a click
const PAUSE = 350; // milliseconds without a key before the search

const between = (value, low, high) => Math.min(high, Math.max(low, value));
const ordered = ([x1, y1, x2, y2]) => [
  Math.min(x1, x2),
  Math.min(y1, y2),
  Math.max(x1, x2),
  Math.max(y1, y2),
];

/** The box that a drag from `start` to `end` makes of `box`, by what was taken hold of. */
export function dragged(hold, box, start, end, width, height) {
  if (hold === "new") return ordered([start.x, start.y, end.x, end.y]);
  if (hold === "move") {
    const dx = between(end.x - start.x, -box[0], width - box[2]);
    const dy = between(end.y - start.y, -box[1], height - box[3]);
    return [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy];
  }
  const made = [...box];
  if (hold.includes("w")) made[0] = end.x;
  if (hold.includes("n")) made[1] = end.y;
  if (hold.includes("e")) made[2] = end.x;
  if (hold.includes("s")) made[3] = end.y;
  return ordered(made);
}

/** The box after an arrow key: moved, or with `size` its right and lower edges moved. */
export function nudged(box, dx, dy, size, width, height) {
  if (!size) return dragged("move", box, { x: 0, y: 0 }, { x: dx, y: dy }, width, height);
  return [box[0], box[1], between(box[2] + dx, box[0] + 2, width), between(box[3] + dy, box[1] + 2, height)];
}

/** An editor over a picture. `onbox` is told the box, or null, when a change is finished. */
export function boxEditor({
  src,
  width,
  height,
  name,
  box = null,
  onbox,
  over = [],
  label = T.search.boxLabel(name),
}) {
  const hint = unique("hint");
  const frame = h(
    "div",
    { class: "frame", hidden: true },
    HANDLES.map((edge) => h("span", { class: `handle ${edge}`, "data-hold": edge })),
  );
  const picture = h("img", { src, alt: "", draggable: "false", width, height });
  const inner = h("div", { class: "inner" }, picture, over, frame);
  const element = h(
    "div",
    {
      class: "boxer",
      tabindex: "0",
      role: "application",
      "aria-label": label,
      "aria-describedby": hint,
      vars: { shape: `${width} / ${height}`, ratio: width / height },
    },
    inner,
    h("span", { class: "unseen", id: hint }, T.search.boxKeys),
  );
  let drag = null;
  let timer = 0;

  const draw = () => {
    frame.hidden = box === null;
    element.classList.toggle("boxed", box !== null);
    if (!box) return;
    const [x1, y1, x2, y2] = box;
    frame.style.left = `${(100 * x1) / width}%`;
    frame.style.top = `${(100 * y1) / height}%`;
    frame.style.width = `${(100 * (x2 - x1)) / width}%`;
    frame.style.height = `${(100 * (y2 - y1)) / height}%`;
    // a small box keeps room to take hold of its middle
    const scale = picture.clientWidth / width;
    frame.classList.toggle("tight", scale > 0 && Math.min(x2 - x1, y2 - y1) * scale < 64);
  };

  const finish = (made) => {
    box = made && made.map(Math.round);
    draw();
    say(box ? T.search.boxIs(box) : T.search.boxGone);
    onbox(box);
  };

  const place = (event) => {
    const area = picture.getBoundingClientRect();
    return {
      x: between(((event.clientX - area.left) / area.width) * width, 0, width),
      y: between(((event.clientY - area.top) / area.height) * height, 0, height),
      scale: width / area.width,
    };
  };

  element.addEventListener("pointerdown", (event) => {
    if (drag) return drop(); // a second finger comes closer, and draws nothing
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    const hold = event.target.dataset?.hold ?? (event.target === frame ? "move" : "new");
    drag = { id: event.pointerId, hold, start: place(event), before: box };
  });

  element.addEventListener("pointermove", (event) => {
    if (drag?.id !== event.pointerId) return;
    box = dragged(drag.hold, drag.before, drag.start, place(event), width, height);
    draw();
  });

  element.addEventListener("pointerup", (event) => {
    if (drag?.id !== event.pointerId) return;
    const { before, start } = drag;
    const made = box;
    drag = null;
    const short = LEAST * start.scale;
    if (!made || made[2] - made[0] < short || made[3] - made[1] < short) {
      box = before;
      return draw();
    }
    if (String(made.map(Math.round)) !== String(before)) finish(made);
  });

  function drop() {
    if (drag) box = drag.before;
    drag = null;
    draw();
  }
  element.addEventListener("pointercancel", drop);

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => finish(box), PAUSE);
  };

  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) {
      event.preventDefault();
      event.stopPropagation();
      return drop();
    }
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && !box) {
      event.preventDefault();
      return finish([width / 4, height / 4, (3 * width) / 4, (3 * height) / 4]);
    }
    if (!box) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(timer);
      return finish(null);
    }
    if (!arrow) return;
    event.preventDefault();
    event.stopPropagation();
    const step = event.altKey || event.ctrlKey ? 1 : Math.max(1, Math.round(Math.max(width, height) / 50));
    box = nudged(box, arrow[0] * step, arrow[1] * step, event.shiftKey, width, height);
    draw();
    later();
  });

  /** A place to press for each part that may be meant; they are there while there is no box. */
  const suggest = (parts) =>
    element.append(
      ...parts.map(([x1, y1, x2, y2], number) => {
        const dot = h("button", {
          type: "button",
          class: "dot",
          "aria-label": T.search.suggested(number + 1),
          title: T.search.suggested(number + 1),
          onclick: () => finish([x1, y1, x2, y2]),
        });
        const part = h("span", { class: "suggested" }, dot);
        part.style.left = `${(100 * x1) / width}%`;
        part.style.top = `${(100 * y1) / height}%`;
        part.style.width = `${(100 * (x2 - x1)) / width}%`;
        part.style.height = `${(100 * (y2 - y1)) / height}%`;
        for (const kind of ["pointerdown", "keydown"])
          dot.addEventListener(kind, (event) => event.key !== "Escape" && event.stopPropagation());
        return part;
      }),
    );

  draw();
  return {
    element,
    inner,
    suggest,
    set(made) {
      if (drag || String(made) === String(box)) return;
      box = made;
      draw();
    },
  };
}
