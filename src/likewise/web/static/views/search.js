// The search view: start screen, or panel and results, and Why over them.

import { leave, readQuery } from "../api/address.js";
import { describe } from "../api/requests.js";
import { h, put, typing } from "../parts/dom.js";
import { onFiles } from "../parts/files.js";
import { fail } from "../parts/notices.js";
import { lost } from "../api/offline.js";
import { panel } from "./panel.js";
import { results } from "./results.js";
import { searchWith, startScreen } from "./start.js";
import { T } from "../strings.js";

export function open(main, address, held) {
  let start = null;
  let parts = null;
  let why = null;
  let on = null;
  onFiles((files) => searchWith(files));

  function showStart() {
    address.hit = null;
    closeParts();
    if (start && on === held.name) return;
    start?.close();
    start = startScreen(held);
    put(main, start.element);
  }

  function showParts() {
    start?.close();
    start = null;
    if (parts) return;
    parts = { panel: panel(), results: results({ drawn }) };
    put(main, h("div", { class: "search" }, parts.panel.element, parts.results.element));
    scrollTo(0, 0);
  }

  function drawn() {
    why?.update(address, held);
    parts.panel.suggest();
  }

  function closeParts() {
    why?.close();
    parts?.results.close();
    parts = why = null;
  }

  async function showWhy() {
    if (!address.hit) return (why = why?.close() ?? null);
    const { whyDialog } = await import("./why.js");
    if (!address.hit || !parts) return;
    why ??= whyDialog(parts.results, {
      closed: () => ((why = null), address.hit && leave("hit", { hit: null })),
    });
    why.update(address, held);
  }

  /** The tab is named by what is searched for, and by the hit that is looked at. */
  async function entitle() {
    const about = address;
    const picture = await describe(held.name, readQuery(address.q[0])).catch(() => null);
    if (about === address && !address.hit) document.title = T.titled(picture?.name ?? T.search.panel);
  }

  /** Two keys go to the picture searched for and to the list from wherever one is. */
  function keys(event) {
    if (!parts || event.defaultPrevented || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const there = { b: ".panel .boxer", r: "#results" }[event.key];
    if (!there) return;
    event.preventDefault();
    main.querySelector(there)?.focus();
  }
  addEventListener("keydown", keys);

  function update(next, collection) {
    address = next;
    held = collection;
    if (address.q.length === 0) showStart();
    else {
      showParts();
      const above = parts.panel.update(address, held);
      parts.results.update(address, held, above);
      showWhy().catch((error) => (error.code ? fail(error) : lost())); // the script of Why could not be fetched
      entitle();
    }
    on = held.name;
  }

  update(address, held);
  return {
    update,
    close() {
      removeEventListener("keydown", keys);
      address = { ...address, hit: null };
      start?.close();
      closeParts();
    },
  };
}
