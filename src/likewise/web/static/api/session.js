// What this visitor may do, and which collections there are.

import { ApiError, call, get, onSignIn, post } from "./requests.js";
import { askToken } from "../parts/dialogs.js";
import { T } from "../strings.js";

export const session = { can_write: false, read_only: false, originals: false, limits: {}, version: "" };
export let collections = [];
let stageList = null;

async function open() {
  Object.assign(session, await call("/session"));
}

const enter = async (token) => {
  await post("/session", { token });
  await open();
};

onSignIn(() => askToken(enter));

/** Take the token out of the address, sign in, and learn what there is. */
export async function start() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(history.state, "", location.pathname + location.search);
    await enter(token).catch(open);
  } else await open();
  if (session.token_required && !session.signed_in && !(await askToken(enter)))
    throw new ApiError("unauthorised", T.signIn.text);
  await refresh();
}

/** Ask again for the collections: counts change as pictures come and go. */
export async function refresh() {
  collections = (await get("/collections")).collections;
}

export const collection = (name) => (name ? collections.find((one) => one.name === name) : collections[0]);

/** The stages after the search; asked for once. */
export async function stages() {
  stageList ??= (await get("/stages")).stages;
  return stageList;
}
