// The add view: files dropped, folders under the allowed roots, work in progress, what was removed lately.

import { inside, post, upload } from "../api/requests.js";
import { button, h, icon, put } from "../parts/dom.js";
import { chooser, onFiles, pictures } from "../parts/files.js";
import { folders } from "../parts/folders.js";
import { bytes, date } from "../parts/format.js";
import { jobs } from "./jobs.js";
import { empty, fail } from "../parts/notices.js";
import { onChange, removed, undo } from "../parts/remove.js";
import { session } from "../api/session.js";
import { T } from "../strings.js";

export function open(main, address, held) {
  if (!session.can_write) {
    put(main, empty(T.add.title, session.read_only ? T.add.readOnly : T.add.noWrite));
    return { update: () => undefined };
  }
  const limits = session.limits;
  const lately = h("div", {});
  const work = jobs(() => held);
  const most = limits.upload_files ?? 50;

  async function send(files) {
    const chosen = pictures(files, most);
    work.show(await upload(inside(held.name, "/add/files"), "pictures", chosen));
  }

  const take = (files) => send(files).catch(fail);
  const begin = (path, body) => post(inside(held.name, path), body).then(work.show, fail);
  onFiles(send);

  const drop = h(
    "section",
    { class: "drop" },
    icon("upload"),
    h("p", { class: "big" }, T.add.drop),
    h("p", { class: "quiet" }, T.add.dropMore(most, bytes(limits.upload_bytes ?? 0, Math.floor))),
    h("div", { class: "buttons" }, chooser(T.add.choose, { take, name: "folder", kind: "strong" })),
  );

  function drawLately() {
    const list = removed(held.name);
    put(
      lately,
      list.length > 0 &&
        h(
          "section",
          { class: "card" },
          h("h2", {}, T.add.removed),
          h(
            "ul",
            { class: "plain-list" },
            list.map((one) =>
              h(
                "li",
                { class: "row" },
                h("span", { class: "grow" }, T.add.removedOf(one.count, date(one.at))),
                button(T.remove.undo, { name: "undo", onclick: () => undo(held.name, one.undo).catch(fail) }),
              ),
            ),
          ),
        ),
    );
  }

  const again = h(
    "div",
    { class: "row again" },
    h("p", { class: "quiet grow" }, T.add.againHint),
    button(T.add.again, { name: "retry", onclick: () => begin("/update", {}) }),
  );
  const roots = folders((root, path) => begin("/add/folder", { root, path }));
  put(
    main,
    h(
      "div",
      { class: "add" },
      h("h1", {}, T.add.title),
      h(
        "div",
        { class: "two" },
        h(
          "div",
          { class: "stack" },
          drop,
          h("section", { class: "card" }, h("h2", {}, T.add.folders), roots, again),
        ),
        h("div", { class: "stack" }, work.element, lately),
      ),
    ),
  );
  const stop = onChange(drawLately);
  drawLately();
  return {
    update(_, collection) {
      if (collection.name !== held.name) {
        held = collection;
        work.load();
        drawLately();
      }
      held = collection;
    },
    close() {
      work.close();
      stop();
    },
  };
}
