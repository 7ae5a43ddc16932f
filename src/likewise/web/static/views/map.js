// The collection as a map on a canvas: dots from afar, pictures from close by; a line drawn around some selects them.

import { at, go, keep, kept } from "../api/address.js";
import { call, describe, get, inside, thumbnail } from "../api/requests.js";
import { button, calm, h, put } from "../parts/dom.js";
import { awaited, empty, fail, say, working } from "../parts/notices.js";
import { onChange } from "../parts/remove.js";
import { selection } from "../parts/selection.js";
import { tile } from "../parts/tile.js";
import { T } from "../strings.js";

const CLOSEST = 400;
const PICTURES = 400; // so many are drawn at once as pictures, the smaller the more there are
const SIDE = 72;
const SMALL = 36;
const APART = 64; // of more, one picture stands for those around it, as far as this from the next
const NEIGHBOURS = 1000; // a map by neighbours takes the square of its pictures: of more it shows main directions
const MOMENT = 250; // milliseconds in which the map by neighbours may come before the other is drawn
const MOVE = 700; // milliseconds in which one becomes the other
const PACK = 200; // pictures that are asked for at once by their ids
const LISTED = 60; // of those selected that are shown below

/** Where the view stands: middle in map units, and how close. The map fills the canvas: its axes mean nothing by themselves. */
const FAR = { x: 0.5, y: 0.5, zoom: 1 };

/** Whether a place lies within a closed line, by how often a ray to the right crosses it. */
export const within = (line, { x, y }) =>
  line.reduce((odd, a, place) => {
    const b = line[(place + 1) % line.length];
    const crosses = a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x;
    return crosses ? !odd : odd;
  }, false);

/** A colour of a group; the golden angle keeps neighbours apart. */
const colour = (group, dark) => `hsl(${(group * 137.5 + 170) % 360} ${dark ? "65% 66%" : "62% 38%"})`;

export function section(body, address, held) {
  const canvas = h("canvas", { tabindex: "0", role: "application", "aria-label": T.map.label });
  const name = h("div", { class: "map-name" });
  const place = h("div", {}); // of this view alone, whatever stands in the body by the time of an answer
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
      button(T.map.lasso, { name: "lasso", shown: false, "aria-pressed": "false", onclick: () => arm(!armed) }),
    ),
  );
  const hint = h("p", { class: "quiet grow" }, T.map.hint);
  const foot = h("div", { class: "tools-row" }, name, hint);
  const below = h("ol", { class: "grid short", "aria-label": T.map.selected });
  let chosen = null;
  let armed = false; // a drag draws a line
  let line = null;
  const drawing = canvas.getContext("2d");
  const cache = new Map();
  const pointers = new Map();
  let points = [];
  let eye = kept("eye") ?? { ...FAR };
  keep("eye", () => eye);
  let near = null;
  let moved = false;
  let queued = false;
  chosen = selection(held, { changed });

  const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  // a picture at the edge of the map lies whole on the canvas
  const unit = () => ({ x: (size().width - 1.2 * SIDE) * eye.zoom, y: (size().height - 1.2 * SIDE) * eye.zoom });
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
    const dots = seen.length > PICTURES;
    const side = dots ? APART * 0.8 : Math.min(SIDE, Math.max(SMALL, SIDE * Math.sqrt(60 / seen.length)));
    near = nearest(width / 2, height / 2, Infinity);
    const dark = style.colorScheme === "dark" || (style.colorScheme !== "light" && darkness.matches);
    const pictured = dots ? representatives(seen) : seen;
    if (dots) seen.forEach((one) => drawDot(one, dark));
    for (const { point, x, y } of pictured) {
      const picture = image(point);
      if (picture) drawPicture(picture, x, y, side, point);
      else drawDot({ point, x, y }, dark);
    }
    if (line) drawLine();
  }

  /** One picture for each place of a net, so that none covers another: the same ones however the map is moved. */
  function representatives(seen) {
    const net = APART / 2 ** (Math.round(Math.log2(eye.zoom)) - Math.log2(eye.zoom));
    const taken = new Map();
    for (const one of seen) {
      const place = `${Math.floor((one.point.x * unit().x) / net)} ${Math.floor((one.point.y * unit().y) / net)}`;
      if (!taken.has(place)) taken.set(place, one);
    }
    const shown = [];
    for (const one of taken.values())
      if (shown.every((other) => Math.max(Math.abs(other.x - one.x), Math.abs(other.y - one.y)) > APART)) shown.push(one);
    return shown;
  }

  function drawDot({ point, x, y }, dark) {
    const marked = chosen.chosen.has(point.id);
    drawing.fillStyle = colour(point.group, dark);
    drawing.globalAlpha = marked ? 1 : 0.75;
    drawing.beginPath();
    drawing.arc(x, y, marked ? 6 : 3.5, 0, 7);
    drawing.fill();
    drawing.globalAlpha = 1;
  }

  function drawLine() {
    drawing.beginPath();
    line.forEach(({ x, y }) => drawing.lineTo(x, y));
    drawing.closePath();
    drawing.strokeStyle = getComputedStyle(canvas).color;
    drawing.lineWidth = 2;
    drawing.setLineDash([6, 4]);
    drawing.stroke();
    drawing.setLineDash([]);
    drawing.globalAlpha = 0.12;
    drawing.fillStyle = getComputedStyle(canvas).color;
    drawing.fill();
    drawing.globalAlpha = 1;
  }

  function drawPicture(picture, x, y, side, point) {
    const marked = chosen.chosen.has(point.id) || (point === near && document.activeElement === canvas);
    const shrink = side / Math.max(picture.naturalWidth, picture.naturalHeight);
    const [width, height] = [picture.naturalWidth * shrink, picture.naturalHeight * shrink];
    drawing.drawImage(picture, x - width / 2, y - height / 2, width, height);
    drawing.lineWidth = marked ? 4 : 1;
    drawing.strokeStyle = marked ? getComputedStyle(canvas).color : "rgba(128,128,128,.6)"; // seen on white and on black
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

  function arm(on) {
    armed = on;
    line = null;
    canvas.classList.toggle("armed", on);
    frame.querySelector("[aria-pressed]").setAttribute("aria-pressed", String(on));
    hint.textContent = on ? T.map.lassoHint : T.map.hint;
    if (on) say(T.map.lassoHint);
    redraw();
  }

  /** Add what lies within the line to what is selected. */
  async function surround() {
    const around = line;
    arm(false);
    await select(points.filter((one) => within(around, project(one))).map(({ id }) => id));
  }

  async function select(ids) {
    const found = [];
    for (let start = 0; start < ids.length; start += PACK) {
      const some = ids.slice(start, start + PACK).map((id) => ["id", id]);
      found.push(...(await call(`${inside(held.name, "/pictures")}?${new URLSearchParams(some)}`)).pictures);
    }
    chosen.pick(found, true);
    say(T.browse.chosen(chosen.chosen.size));
  }

  /** What is selected stands below the map, where it can be looked at and left out again. */
  function changed() {
    if (!chosen) return;
    const all = [...chosen.chosen.values()];
    const shown = new Map([...below.children].map((one) => [one.dataset.id, one]));
    const had = below.contains(document.activeElement);
    put(
      below,
      all.slice(0, LISTED).map((picture) => shown.get(String(picture.id)) ?? selected(picture)),
    );
    if (had && !below.contains(document.activeElement)) (below.querySelector("a") ?? canvas).focus();
    redraw();
  }

  const selected = (picture) =>
    tile(held.name, picture, {
      href: at("search", { q: [`p${picture.id}`] }),
      label: T.browse.open(picture.name),
      over: chosen.picks(picture),
    });

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
    if (event.shiftKey && !armed) arm(true);
    if (armed) return void (line = [local(event)]);
    pointers.set(event.pointerId, local(event));
    if (pointers.size === 1) moved = false;
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = local(event);
    if (line) {
      line.push(here);
      return redraw();
    }
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
    if (line) return void surround().catch(fail);
    const { x, y } = local(event);
    pointers.delete(event.pointerId);
    if (!moved) search(nearest(x, y, SIDE / 2));
  });
  canvas.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    line = null;
    redraw();
  });
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

  /** Select the picture in the middle, or leave it out again. */
  async function selectMiddle() {
    const middle = nearest(size().width / 2, size().height / 2, Infinity);
    const held = middle && chosen.chosen.get(middle.id);
    if (held) chosen.pick([held], false);
    else if (middle) await select([middle.id]);
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
    else if (event.key === " ") selectMiddle().catch(fail);
    else if (event.key === "Escape" && armed) arm(false);
    else if (event.key === "Enter") return search(nearest(size().width / 2, size().height / 2, Infinity));
    else return;
    event.preventDefault();
    clearTimeout(pause);
    pause = setTimeout(tellMiddle, 300);
  });
  canvas.addEventListener("focus", tellMiddle);
  canvas.addEventListener("blur", redraw);

  const watcher = new ResizeObserver(redraw);
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  darkness.addEventListener("change", redraw);
  const themed = new MutationObserver(redraw);
  themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  let closed = false;

  const ask = (method, signal) => get(inside(held.name, "/map"), { method }, signal);

  function show(answer) {
    const before = new Map(points.map((one) => [one.id, one]));
    points = answer.points;
    if (points.length < 3) return put(place, empty(T.map.none, T.map.noneHint));
    if (!frame.isConnected) {
      put(place, frame, foot, below, chosen.bar);
      watcher.observe(canvas);
      changed();
      settle(answer);
    } else if (calm()) settle(answer);
    else glide(before, answer);
    redraw();
  }

  /** The points lie where they stay. */
  function settle({ method }) {
    canvas.dataset.shown = method;
    if (document.activeElement === canvas) tellMiddle();
  }

  /** Have the points go from where they were to where they are now. */
  function glide(before, answer) {
    const began = performance.now();
    const ways = points.map((one) => ({ one, to: { ...one }, from: before.get(one.id) ?? one }));
    const step = () => {
      const part = Math.min(1, (performance.now() - began) / MOVE);
      const eased = part * part * (3 - 2 * part);
      for (const { one, from, to } of ways) {
        one.x = from.x + (to.x - from.x) * eased;
        one.y = from.y + (to.y - from.y) * eased;
      }
      draw();
      if (part === 1) settle(answer);
      else if (!closed) requestAnimationFrame(step);
    };
    step();
  }

  /** The map by main directions is there at once; that by neighbours takes its place where it takes longer. */
  const load = () =>
    awaited(place, T.map.working, async (signal) => {
      const first = await ask("pca", signal);
      if (closed) return;
      if (held.pictures > NEIGHBOURS) return show(first);
      const sorting = new AbortController();
      const near = ask("tsne", sorting.signal);
      const soon = await Promise.race([near, new Promise((done) => setTimeout(done, MOMENT))]);
      if (closed || signal.aborted) return;
      show(soon ?? first);
      if (soon) return;
      put(
        name,
        working(T.map.sorting, () => sorting.abort()),
      );
      const better = await near.catch((error) => (sorting.signal.aborted ? null : Promise.reject(error)));
      put(name);
      if (better && !closed) show(better);
    });
  const stop = onChange(load);
  put(body, place);
  load();

  return {
    update(_, collection) {
      held = collection;
    },
    close() {
      closed = true;
      keep("eye", null);
      watcher.disconnect();
      themed.disconnect();
      darkness.removeEventListener("change", redraw);
      stop();
      chosen.close();
    },
  };
}
