// Whether the pointer rests: nothing may move away from under a button that is being pressed, or was just now.

const PAUSE = 700; // milliseconds: the second press of a double click falls within them
const down = new Set();
let pressed = { at: -Infinity, on: null };

addEventListener(
  "pointerdown",
  (event) => {
    down.add(event.pointerId);
    pressed = { at: performance.now(), on: event.target };
  },
  true,
);
for (const kind of ["pointerup", "pointercancel"])
  addEventListener(kind, (event) => down.delete(event.pointerId), true);

const frame = () => new Promise((done) => setTimeout(done, 50));

/** Wait until no pointer is down, and none was pressed within an element a moment ago. */
export async function still(element) {
  const busy = () => element.contains(pressed.on) && performance.now() - pressed.at < PAUSE;
  while (down.size > 0 || busy()) await frame();
}
