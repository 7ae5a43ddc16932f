// Pictures that come from outside: chosen, photographed, dropped, pasted.

import { button, h } from "./dom.js";
import { bytes } from "./format.js";
import { fail } from "./notices.js";
import { session } from "../api/session.js";
import { ApiError } from "../api/requests.js";
import { T } from "../strings.js";

const looksRight = (file) =>
  file.type.startsWith("image/") || /\.(jpe?g|png|webp|tiff?|gif|bmp|heic|heif|avif|jp2)$/i.test(file.name);

/** The pictures among files; an ApiError says why none can be sent. */
export function pictures(files, most) {
  const found = [...files].filter(looksRight);
  const limit = session.limits.upload_bytes ?? Infinity;
  const large = found.find((file) => file.size > limit);
  if (found.length === 0) throw new ApiError("bad-picture", T.errors.notPictures);
  if (large) throw new ApiError("too-large", T.errors.tooLarge(large.name, bytes(limit)));
  if (found.length > most) throw new ApiError("too-large", T.errors.tooMany(most));
  return found;
}

/** A button that opens the file chooser, or the camera with `capture`. */
export function chooser(text, { take, multiple = true, capture = false, ...props }) {
  const input = h("input", {
    type: "file",
    accept: "image/*,.heic,.heif",
    multiple: multiple && !capture,
    capture: capture && "environment",
    hidden: true,
    tabindex: "-1",
    "aria-hidden": "true",
  });
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  return h(
    "span",
    { class: capture ? "camera" : "chooser" },
    button(text, { ...props, onclick: () => input.click() }),
    input,
  );
}

let taker = null;
/** Who takes what is dropped or pasted anywhere; null for nobody. */
export const onFiles = (take) => (taker = take);

const offer = (files) => {
  if (!taker || files.length === 0) return;
  Promise.resolve()
    .then(() => taker([...files]))
    .catch(fail);
};

let depth = 0;
const dragging = (change) => {
  depth = change === 0 ? 0 : Math.max(0, depth + change);
  document.documentElement.classList.toggle("dragging", depth > 0 && taker !== null);
};

const carries = (event) => event.dataTransfer?.types.includes("Files");

addEventListener("dragenter", (event) => carries(event) && dragging(1));
addEventListener("dragleave", (event) => carries(event) && dragging(-1));
addEventListener("dragover", (event) => carries(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  dragging(0);
  offer(event.dataTransfer.files);
});
addEventListener("paste", (event) => offer(event.clipboardData?.files ?? []));
