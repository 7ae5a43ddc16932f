// A contact sheet: pictures in rows with what is said of them, as one picture to print or to send.

import { thumbnail } from "../api/requests.js";
import { score } from "./format.js";
import { notice } from "./notices.js";
import { save } from "./saving.js";
import { T } from "../strings.js";

const ACROSS = 6;
const MOST = 240; // canvases of browsers end somewhere above 16 000 pixels
const CELL = 320;
const PICTURE = 290;
const LINE = 22;
const EDGE = 40;
const PAPER = "#ffffff";
const INK = "#1d1c1a";
const QUIET = "#635f58";
const FONT = "system-ui, 'DejaVu Sans', sans-serif";

const fetched = (source) =>
  new Promise((done) => {
    const picture = new Image();
    picture.onload = () => done(picture);
    picture.onerror = () => done(null);
    picture.src = source;
  });

/** A text, cut with an ellipsis to what fits into a width. */
function cut(drawing, text, width) {
  if (drawing.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && drawing.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}

function put(drawing, { picture, image }, x, y) {
  if (image) {
    const shrink = Math.min(PICTURE / image.naturalWidth, PICTURE / image.naturalHeight, 1);
    const [width, height] = [image.naturalWidth * shrink, image.naturalHeight * shrink];
    drawing.drawImage(image, x + (PICTURE - width) / 2, y + (PICTURE - height) / 2, width, height);
  } else {
    drawing.strokeStyle = QUIET;
    drawing.strokeRect(x, y, PICTURE, PICTURE);
  }
  const { rank, name, folder, verdict, score: value } = picture;
  const said = [T.search.verdict[verdict], value !== undefined && score(value), folder].filter(Boolean);
  drawing.font = `600 16px ${FONT}`;
  drawing.fillStyle = INK;
  drawing.fillText(cut(drawing, rank ? `${rank}. ${name}` : name, PICTURE), x, y + PICTURE + LINE);
  drawing.font = `14px ${FONT}`;
  drawing.fillStyle = QUIET;
  drawing.fillText(cut(drawing, said.join(" · "), PICTURE), x, y + PICTURE + 2 * LINE - 2);
}

/** The sheet of pictures of a collection, as a canvas. */
async function sheet(collection, pictures) {
  const images = await Promise.all(pictures.map(({ id }) => fetched(thumbnail(collection, id, PICTURE))));
  const rows = Math.ceil(pictures.length / ACROSS);
  const across = Math.min(ACROSS, pictures.length);
  const canvas = document.createElement("canvas");
  canvas.width = 2 * EDGE + across * CELL - (CELL - PICTURE);
  canvas.height = 2 * EDGE + 2 * LINE + rows * (CELL + 2 * LINE);
  const drawing = canvas.getContext("2d");
  drawing.fillStyle = PAPER;
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.font = `600 20px ${FONT}`;
  drawing.fillStyle = INK;
  const title = `${collection} · ${T.pictures(pictures.length)} · ${new Date().toISOString().slice(0, 10)}`;
  drawing.fillText(cut(drawing, title, canvas.width - 2 * EDGE), EDGE, EDGE + LINE / 2);
  pictures.forEach((picture, place) =>
    put(
      drawing,
      { picture, image: images[place] },
      EDGE + (place % ACROSS) * CELL,
      EDGE + 2 * LINE + Math.floor(place / ACROSS) * (CELL + 2 * LINE),
    ),
  );
  return canvas;
}

/** Save the first pictures of a list as one. */
export async function saveSheet(name, pictures) {
  notice(T.take.drawing);
  const shown = pictures.slice(0, MOST);
  const canvas = await sheet(name, shown);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.88));
  save(`${name}.jpg`, blob);
  if (shown.length < pictures.length) notice(T.take.sheetOf(shown.length, pictures.length));
}
