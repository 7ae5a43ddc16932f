// The one door to the server. Every failure is an ApiError whose message is a sentence for a person.

import { doing } from "../parts/notices.js";
import { lost } from "./offline.js";
import { T } from "../strings.js";

const ROOT = "/api/v1";
const SIZES = [160, 240, 320, 480, 640, 960, 1280, 1920];

export class ApiError extends Error {
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

let signIn = async () => false;
/** What asks for the token when the server wants one; answers whether to try again. */
export const onSignIn = (ask) => (signIn = ask);

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function failure(answer) {
  try {
    const { error } = await answer.json();
    const field = error.fields?.[0];
    return new ApiError(
      error.code,
      field ? `${error.message} (${field.where}: ${field.message})` : error.message,
      answer.status,
    );
  } catch {
    return new ApiError("internal", T.errors.status(answer.status), answer.status);
  }
}

async function send(path, options) {
  try {
    return await fetch(ROOT + path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw new ApiError("unreachable", T.errors.unreachable);
  }
}

/** The same of a form, told by `tell` how much of it is sent, from 0 to 1: `fetch` does not say that. */
const sendForm = (path, { body, signal, tell }) =>
  new Promise((done, failed) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", ROOT + path);
    request.upload.onprogress = ({ loaded, total }) => total > 0 && tell(loaded / total);
    request.onload = () => {
      const { status, responseText } = request;
      const headers = { "Retry-After": request.getResponseHeader("Retry-After") ?? "" };
      done(new Response(responseText, { status, headers }));
    };
    request.onerror = () => {
      lost();
      failed(new ApiError("unreachable", T.errors.unreachable));
    };
    request.onabort = () => failed(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });

export async function call(path, options = {}, tries = 3) {
  const answer = await (options.tell ? sendForm : send)(path, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  if (answer.status === 429 && tries > 0) {
    await wait(Math.min(Number(answer.headers.get("Retry-After")) || 1, 5));
    return call(path, options, tries - 1);
  }
  if (answer.status === 401 && path !== "/session" && (await signIn())) return call(path, options, tries);
  throw await failure(answer);
}

const asked = (params = {}) => {
  const present = Object.entries(params).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  return present.length ? `?${new URLSearchParams(present)}` : "";
};

export const get = (path, params, signal) => call(path + asked(params), { signal });

export const post = (path, body = {}, signal) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

/** Send files under one field name; until they are there it says so and how much of them is, and can be stopped. */
export function upload(path, field, files) {
  const body = new FormData();
  for (const file of files) body.append(field, file, file.name || "picture");
  return doing(T.sending(files.length), (signal, tell) => call(path, { body, signal, tell }));
}

export const inside = (collection, path = "") => `/collections/${encodeURIComponent(collection)}${path}`;

/** The thumbnail's size for a longest side in CSS pixels, on this screen. */
const fit = (side) => SIZES.find((size) => size >= side * Math.min(devicePixelRatio || 1, 2)) ?? SIZES.at(-1);

export const thumbnail = (collection, id, side) =>
  `${ROOT}${inside(collection, `/pictures/${id}/thumbnail`)}?size=${fit(side)}`;

/** Address of a query's picture, whichever kind it is. */
export const queryPicture = (collection, query, side) =>
  query.upload
    ? `${ROOT}/uploads/${query.upload}/thumbnail?size=${fit(side)}`
    : thumbnail(collection, query.picture, side);

export const raw = (path, params) => ROOT + path + asked(params);

const known = new Map();
/** Width, height and name of a query's picture; asked for once. */
export function describe(collection, query) {
  const path = query.upload ? `/uploads/${query.upload}` : inside(collection, `/pictures/${query.picture}`);
  if (!known.has(path))
    known.set(
      path,
      get(path).catch((error) => (known.delete(path), Promise.reject(error))),
    );
  return known.get(path);
}

/** Upload query pictures; words for the address. */
export async function uploadQueries(files) {
  const words = [];
  for (const file of files) {
    const made = await upload("/uploads", "picture", [file]);
    known.set(`/uploads/${made.id}`, Promise.resolve(made));
    words.push(made.id);
  }
  return words;
}
