// The inspect view: a picture through the layers of one network, or of two side by side.

import { at, change, readQuery } from "../api/address.js";
import { describe, get, inside, queryPicture, uploadQueries } from "../api/requests.js";
import { button, h, icon, put } from "../parts/dom.js";
import { column } from "./column.js";
import { chooser, onFiles, pictures } from "../parts/files.js";
import { back, begin, grid } from "../parts/grid.js";
import { empty, fail, problem, working } from "../parts/notices.js";
import { T } from "../strings.js";
import { tile } from "../parts/tile.js";

const PAGE = 40;

let networkList = null;
const networks = () =>
  (networkList ??= get("/inspect/networks").then(
    (answer) => answer.networks,
    (error) => ((networkList = null), Promise.reject(error)),
  ));

export function open(main, address, held) {
  let shown = null;
  let key = null;
  let columns = [];

  const send = async (files) => {
    const [word] = await uploadQueries(pictures(files, 1));
    change({ pic: word });
  };
  const take = (files) => send(files).catch(fail);
  onFiles(send);

  /** Before there is a picture: take one of the collection, or send one. */
  async function drawPicker() {
    put(main, working(T.loading));
    const load = async (cursor, k = PAGE) => {
      const page = await get(inside(held.name, "/pictures"), { k, cursor });
      return { ...page, items: page.pictures };
    };
    const first = await begin(load, PAGE);
    shown = grid({
      label: T.inspect.pick,
      first,
      load,
      tile: (picture) =>
        tile(held.name, picture, {
          href: at("inspect", { pic: `p${picture.id}` }),
          label: `${T.inspect.title}: ${picture.name}`,
        }),
    });
    const choose = chooser(T.search.choose, { take, name: "folder", kind: "strong", multiple: false });
    put(
      main,
      h(
        "div",
        { class: "start" },
        h("h1", {}, T.inspect.pick),
        h("div", { class: "row" }, h("p", { class: "quiet grow" }, T.inspect.pickHint), choose),
        first.items.length ? shown.element : empty(T.browse.empty, T.browse.emptyHint),
      ),
    );
    back(shown.list);
  }

  async function drawPicture() {
    put(main, working(T.loading));
    const query = readQuery(address.pic);
    const [picture, all] = await Promise.all([describe(held.name, query), networks()]);
    const source = query.upload
      ? { upload: query.upload }
      : { collection: held.name, picture: query.picture };
    const about = {
      query,
      source,
      picture,
      src: queryPicture(held.name, query, 640),
      networks: all,
      usual: held.network,
    };
    columns = [column("1", about), column("2", about)];
    const second = h("div", { class: "buttons" });
    const places = h(
      "div",
      { class: "two columns-two" },
      columns.map((one) => one.element),
    );
    put(
      main,
      h(
        "div",
        { class: "inspect" },
        h(
          "div",
          { class: "row" },
          h("h1", { class: "grow path" }, picture.name ?? T.inspect.title),
          h("a", { class: "button", href: at("inspect") }, icon("retry"), T.inspect.change),
          second,
        ),
        places,
      ),
    );
    const base = columns[0].update;
    columns[0].update = (next) => {
      base(next);
      const two = Boolean(next.n2);
      places.classList.toggle("alone", !two);
      columns[1].element.hidden = !two;
      const other = all.find((one) => one.ready && one.name !== (next.n1 ?? held.network)) ?? all[0];
      put(
        second,
        two
          ? button(T.inspect.single, { name: "close", onclick: () => change({ n2: null, t2: null }) })
          : button(T.inspect.second, { name: "inspect", onclick: () => change({ n2: other.name }) }),
      );
    };
  }

  async function update(next, collection) {
    address = next;
    held = collection;
    const wanted = JSON.stringify([held.name, address.pic]);
    try {
      if (wanted !== key) {
        key = wanted;
        shown?.close();
        columns = [];
        await (readQuery(address.pic ?? "") ? drawPicture() : drawPicker());
        if (wanted !== key) return;
      }
      columns.forEach((one) => one.update(address));
    } catch (error) {
      key = null;
      put(
        main,
        problem(error, () => update(address, held)),
      );
    }
  }

  update(address, held);
  return { update, close: () => shown?.close() };
}
