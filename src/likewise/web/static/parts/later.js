// What nobody sees at first is made once the rest is painted, or as soon as a key or a pointer is used.

const PAUSE = 250; // milliseconds after the paint, in which pictures come
const waiting = [];

/** Wait for the frame after the next one: by then what was put into the page is painted. */
export const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

function make() {
  for (const one of waiting.splice(0)) one();
}

/** Have something done a moment after the next paint. */
export function later(work) {
  if (waiting.push(work) === 1) painted().then(() => setTimeout(make, PAUSE));
}

for (const kind of ["keydown", "pointermove", "pointerdown"]) addEventListener(kind, make, true);
