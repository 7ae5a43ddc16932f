// Numbers, sizes and times as a person reads them.

const count = new Intl.NumberFormat("en");
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export const whole = (value) => count.format(value);

/** Two decimals, or two digits of a small score: shares of visual words are some thousandths. */
export const score = (value) =>
  (Math.abs(value) < 0.1 && Math.abs(value) > 1e-6 ? value.toPrecision(2) : value.toFixed(2)).replace("-", "−");

/** A score of an evaluation. */
export const value = (one) => (one === null || one === undefined ? "–" : one.toFixed(3).replace("-", "−"));

/** Three digits that count. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  const tiny = value !== 0 && Math.abs(value) < 0.001;
  return (tiny ? value.toExponential(1) : String(Number(value.toPrecision(3)))).replaceAll("-", "−");
}

export const percent = (value) => `${Number((100 * value).toFixed(1))} %`;

export const date = (seconds) => (seconds ? day.format(new Date(seconds * 1000)) : "–");

/** A size; sizes are rounded, limits cut. */
export function bytes(value, whole = null) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (whole) value = whole(value);
  return `${whole || value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** What to choose between copies by: 1600 × 1200, 2.1 MB, when the file was written. */
export const measures = ({ width, height, bytes: size, modified }) =>
  `${width} × ${height} · ${bytes(size)} · ${date(modified)}`;

/** A stretch of time: 8 s, 3 min, 2 h 5 min. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.max(0, seconds).toFixed(2)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
