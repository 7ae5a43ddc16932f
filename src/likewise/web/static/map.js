// The collection as a map on a canvas: dots from afar, pictures from close by.

import { at, go, keep, kept } from "./address.js";
import { describe, get, inside, thumbnail } from "./api.js";
import { button, h, put } from "./dom.js";
import { empty, problem, say, working } from "./notices.js";
import { T } from "./strings.js";

const CLOSEST = 400;
const PICTURES = 400; // so many are drawn at once as pictures, the smaller the more there are
const SIDE = 72;
const SMALL = 36;
const CAREFUL = 2000; // a map by neighbours takes seconds for so many pictures; above it is drawn by main directions

/** Where the view stands: middle in map units, and how close. The map fills the canvas: its axes mean nothing by themselves. */
const FAR = { x: 0.5, y: 0.5, zoom: 1 };

export function section(body, address, held) {
  const canvas = h("canvas", { tabindex: "0", role: "application", "aria-label": T.map.label });
  const name = h("p", { class: "map-name" });
  const hover = h("img", { class: "map-hover", alt: "", hidden: true });
  const frame = h(
    "div",
    { class: "map" },
    canvas,
    hover,
    h(
      "div",
      { class: "map-tools" },
      button(T.map.closer, { name: "add", shown: false, onclick: () => scale(1.5) }),
      button(T.map.farther, { name: "minus", shown: false, onclick: () => scale(1 / 1.5) }),
      button(T.map.fit, { name: "box", shown: false, onclick: () => move({ ...FAR }) }),
    ),
  );
  const foot = h("div", { class: "tools-row" }, name, h("p", { class: "quiet grow" }, T.map.hint));
  const drawing = canvas.getContext("2d");
  const cache = new Map();
  const pointers = new Map();
  let points = [];
  let eye = kept("eye") ?? { ...FAR };
  keep("eye", () => eye);
  let near = null;
  let moved = false;
  let queued = false;
  put(body, working(T.map.working));

  const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  const unit = () => ({ x: size().width * 0.9 * eye.zoom, y: size().height * 0.85 * eye.zoom });
  const project = (point) => ({
    x: (point.x - eye.x) * unit().x + size().width / 2,
    y: (point.y - eye.y) * unit().y + size().height / 2,
  });

  function image(point) {
    if (!cache.has(point.id)) {
      const picture = new Image();
      picture.onload = redraw;
      picture.src = thumbnail(held.name, point.id, SIDE);
      cache.set(point.id, picture);
    }
    const picture = cache.get(point.id);
    return picture.complete && picture.naturalWidth ? picture : null;
  }

  function redraw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      draw();
    });
  }

  function draw() {
    const { width, height } = size();
    const dense = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * dense)) canvas.width = Math.round(width * dense);
    if (canvas.height !== Math.round(height * dense)) canvas.height = Math.round(height * dense);
    drawing.setTransform(dense, 0, 0, dense, 0, 0);
    drawing.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const seen = points
      .map((point) => ({ point, ...project(point) }))
      .filter(({ x, y }) => x > -SIDE && y > -SIDE && x < width + SIDE && y < height + SIDE);
    const asPictures = seen.length <= PICTURES;
    const side = Math.min(SIDE, Math.max(SMALL, SIDE * Math.sqrt(60 / seen.length)));
    near = nearest(width / 2, height / 2, Infinity);
    drawing.fillStyle = style.color;
    for (const { point, x, y } of seen) {
      const picture = asPictures ? image(point) : null;
      if (picture) drawPicture(picture, x, y, side, point === near && document.activeElement === canvas);
      else {
        drawing.globalAlpha = 0.7;
        drawing.beginPath();
        drawing.arc(x, y, 3.5, 0, 7);
        drawing.fill();
        drawing.globalAlpha = 1;
      }
    }
  }

  function drawPicture(picture, x, y, side, marked) {
    const shrink = side / Math.max(picture.naturalWidth, picture.naturalHeight);
    const [width, height] = [picture.naturalWidth * shrink, picture.naturalHeight * shrink];
    drawing.drawImage(picture, x - width / 2, y - height / 2, width, height);
    drawing.lineWidth = marked ? 4 : 1;
    drawing.strokeStyle = marked ? getComputedStyle(canvas).color : "rgba(255,255,255,.8)";
    drawing.strokeRect(x - width / 2, y - height / 2, width, height);
  }

  function nearest(x, y, most) {
    let best = null;
    for (const point of points) {
      const at = project(point);
      const distance = Math.hypot(at.x - x, at.y - y);
      if (distance < most) [best, most] = [point, distance];
    }
    return best;
  }

  function move(next) {
    eye = {
      x: Math.min(1.2, Math.max(-0.2, next.x)),
      y: Math.min(1.2, Math.max(-0.2, next.y)),
      zoom: Math.min(CLOSEST, Math.max(0.5, next.zoom)),
    };
    reach();
    redraw();
  }

  /** Where nothing would be in sight, go to the picture that is nearest to the middle. */
  function reach() {
    const { width, height } = size();
    const seen = points.map(project).some(({ x, y }) => x > 0 && y > 0 && x < width && y < height);
    const closest = seen ? null : nearest(width / 2, height / 2, Infinity);
    if (closest) eye = { ...eye, x: closest.x, y: closest.y };
  }

  /** Zoom so that the map stays where it is under a place on the canvas. */
  function scale(by, x = size().width / 2, y = size().height / 2) {
    const zoom = Math.min(CLOSEST, Math.max(0.5, eye.zoom * by));
    const [dx, dy] = [(x - size().width / 2) / unit().x, (y - size().height / 2) / unit().y];
    move({ x: eye.x + dx * (1 - eye.zoom / zoom), y: eye.y + dy * (1 - eye.zoom / zoom), zoom });
  }

  const search = (point) => point && go(at("search", { q: [`p${point.id}`] }));

  const local = (event) => {
    const area = canvas.getBoundingClientRect();
    return { x: event.clientX - area.left, y: event.clientY - area.top };
  };

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = local(event);
      scale(Math.exp(-event.deltaY / 300), x, y);
    },
    { passive: false },
  );

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, local(event));
    if (pointers.size === 1) moved = false;
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = local(event);
    const before = pointers.get(event.pointerId);
    if (!before) return point(here);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      moved = true;
      const stretch =
        Math.hypot(here.x - other.x, here.y - other.y) /
        Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      scale(stretch, (here.x + other.x) / 2, (here.y + other.y) / 2);
    } else if (moved || Math.hypot(here.x - before.x, here.y - before.y) > 4) {
      moved = true;
      move({ ...eye, x: eye.x - (here.x - before.x) / unit().x, y: eye.y - (here.y - before.y) / unit().y });
    } else return;
    hover.hidden = true;
    pointers.set(event.pointerId, here);
  });

  canvas.addEventListener("pointerup", (event) => {
    const { x, y } = local(event);
    pointers.delete(event.pointerId);
    if (!moved) search(nearest(x, y, SIDE / 2));
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => (hover.hidden = true));

  /** A larger picture beside the pointer. */
  function point({ x, y }) {
    const found = nearest(x, y, SIDE / 2);
    hover.hidden = !found;
    canvas.classList.toggle("hit", found !== null);
    if (!found) return;
    hover.src = thumbnail(held.name, found.id, 160);
    hover.style.left = `${Math.min(x + 18, size().width - 180)}px`;
    hover.style.top = `${Math.min(y + 18, size().height - 180)}px`;
  }

  async function tellMiddle() {
    redraw();
    const middle = nearest(size().width / 2, size().height / 2, Infinity);
    if (!middle) return;
    const picture = await describe(held.name, { picture: middle.id }).catch(() => null);
    if (!picture) return;
    name.textContent = T.map.middle(picture.path);
    say(T.map.middle(picture.name));
  }

  let pause = 0;
  canvas.addEventListener("keydown", (event) => {
    const step = { x: 60 / unit().x, y: 60 / unit().y };
    const arrows = {
      ArrowLeft: [-step.x, 0],
      ArrowRight: [step.x, 0],
      ArrowUp: [0, -step.y],
      ArrowDown: [0, step.y],
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in arrows)
      move({ ...eye, x: eye.x + arrows[event.key][0], y: eye.y + arrows[event.key][1] });
    else if (event.key === "+" || event.key === "=") scale(1.4);
    else if (event.key === "-") scale(1 / 1.4);
    else if (event.key === "0") move({ ...FAR });
    else if (event.key === "Enter") return search(nearest(size().width / 2, size().height / 2, Infinity));
    else return;
    event.preventDefault();
    clearTimeout(pause);
    pause = setTimeout(tellMiddle, 300);
  });
  canvas.addEventListener("focus", tellMiddle);
  canvas.addEventListener("blur", redraw);

  const watcher = new ResizeObserver(redraw);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  const themed = new MutationObserver(redraw);
  themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  let closed = false;

  async function load() {
    try {
      const answer = await get(inside(held.name, "/map"), {
        method: held.pictures <= CAREFUL ? "tsne" : "pca",
      });
      if (closed) return;
      points = answer.points;
      if (points.length < 3) return put(body, empty(T.map.none, T.map.noneHint));
      put(body, frame, foot);
      watcher.observe(canvas);
      redraw();
    } catch (error) {
      if (!closed) put(body, problem(error, load));
    }
  }
  load();

  return {
    update: () => undefined,
    close() {
      closed = true;
      keep("eye", null);
      watcher.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", redraw);
    },
  };
}
