// What nobody sees at first is made once the rest is painted, or before anything is pressed.

const waiting = [];

/** Wait for the frame after the next one: by then what was put into the page is painted. */
export const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

function make() {
  for (const one of waiting.splice(0)) one();
}

/** Have something done after the next paint. */
export function later(work) {
  if (waiting.push(work) === 1) painted().then(() => setTimeout(make));
}

for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, make, true);
