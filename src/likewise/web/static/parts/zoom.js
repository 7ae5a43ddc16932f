// Two pictures side by side, looked at from close by together: wheel, double click, two fingers, keys.

const CLOSEST = 16;
const STEP = 1.4;

const between = (value, low, high) => Math.min(high, Math.max(low, value));
const apart = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);

/**
 * Panes that are zoomed together. Of each: `element`, what it shows through, and `inner`, what is moved.
 * `across(pane, place)` answers what in the other pane corresponds to a place in one, both in shares of the
 * picture's sides; `moved` is told after each step.
 */
export function zoomer(panes, { across, moved }) {
  let zoom = 1;
  /** How close the original's pixels are as large as the screen's. */
  const natural = ({ element, inner }) => inner.querySelector("img").getAttribute("width") / element.clientWidth;
  const middles = panes.map(() => ({ x: 0.5, y: 0.5 }));

  function apply() {
    panes.forEach(({ element, inner }, which) => {
      const middle = middles[which];
      const half = 0.5 / zoom;
      middle.x = between(middle.x, half, 1 - half);
      middle.y = between(middle.y, half, 1 - half);
      const x = element.clientWidth * (0.5 - middle.x * zoom);
      const y = element.clientHeight * (0.5 - middle.y * zoom);
      inner.style.transform = zoom === 1 ? "" : `translate(${x}px, ${y}px) scale(${zoom})`;
      element.style.setProperty("--zoom", zoom);
    });
    moved(zoom);
  }

  /** Where an event points to, in shares of the picture's sides. */
  function placeOf(which, event) {
    const area = panes[which].inner.getBoundingClientRect();
    return {
      x: between((event.clientX - area.left) / area.width, 0, 1),
      y: between((event.clientY - area.top) / area.height, 0, 1),
    };
  }

  /** Come closer by a factor; a place of one pane stays where it is, and the other pane shows what is like it. */
  function scale(by, which = 0, place = middles[which]) {
    const before = zoom;
    zoom = between(zoom * by, 1, Math.max(CLOSEST, ...panes.map(natural)));
    const rest = before / zoom;
    const middle = middles[which];
    middles[which] = {
      x: place.x + (middle.x - place.x) * rest,
      y: place.y + (middle.y - place.y) * rest,
    };
    const other = 1 - which;
    const there = across(which, place);
    middles[other] = {
      x: there.x + (middles[which].x - place.x),
      y: there.y + (middles[which].y - place.y),
    };
    apply();
  }

  function pan(dx, dy) {
    for (const middle of middles) {
      middle.x -= dx / zoom;
      middle.y -= dy / zoom;
    }
    apply();
  }

  panes.forEach(({ element, inner, drags }, which) => {
    const fingers = new Map();
    element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        scale(Math.exp(-event.deltaY / 400), which, placeOf(which, event));
      },
      { passive: false },
    );
    element.addEventListener("dblclick", (event) => {
      scale(zoom > 1 ? 1 / zoom : Math.max(2, natural(panes[which])), which, placeOf(which, event));
    });
    element.addEventListener("pointerdown", (event) => {
      if (drags) element.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    element.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const pair = [...fingers.values()];
      const here = { x: event.clientX, y: event.clientY };
      fingers.set(event.pointerId, here);
      if (pair.length === 2) scale(apart([...fingers.values()]) / Math.max(1, apart(pair)), which, placeOf(which, event));
      else if (drags && zoom > 1)
        pan((here.x - before.x) / element.clientWidth, (here.y - before.y) / element.clientHeight);
    });
    for (const kind of ["pointerup", "pointercancel"])
      element.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  });

  return {
    closer: () => scale(STEP),
    farther: () => scale(1 / STEP),
    fit: () => scale(1 / zoom),
  };
}
