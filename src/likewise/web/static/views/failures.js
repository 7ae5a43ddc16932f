// Files that could not be read, with the reason and a retry.

import { at, go } from "../api/address.js";
import { get, inside, post, raw } from "../api/requests.js";
import { button, h, put } from "../parts/dom.js";
import { date } from "../parts/format.js";
import { back } from "../parts/grid.js";
import { awaited, empty, fail, notice } from "../parts/notices.js";
import { session } from "../api/session.js";
import { table } from "../parts/table.js";
import { copyPaths } from "../parts/taking.js";
import { T } from "../strings.js";

const PAGE = 200;

export function section(body, address, held) {
  const retry = async (keys) => {
    try {
      await post(inside(held.name, "/failures/retry"), keys ? { keys } : {});
      notice(T.failures.started);
      go(at("add"));
    } catch (error) {
      fail(error);
    }
  };

  const columns = () => [
    {
      name: T.failures.file,
      value: (one) => one.path,
      kind: "path",
      show: (one, path) => [
        session.originals
          ? h("a", { href: raw(inside(held.name, `/failures/${one.key}/file`)), download: true }, path)
          : path,
        button(T.take.path, {
          name: "copies",
          shown: false,
          kind: "inline",
          onclick: () => copyPaths([one]).catch(fail),
        }),
      ],
    },
    {
      name: T.failures.reason,
      value: (one) => T.failures.reasons[one.reason] ?? one.reason,
      show: (one, text) => [h("b", {}, text), h("span", { class: "quiet block" }, one.message)],
    },
    { name: T.failures.when, value: (one) => one.at, show: (one) => date(one.at) },
    session.can_write && {
      name: T.failures.retry,
      silent: true,
      value: () => "",
      show: (one) => button(T.failures.retry, { name: "retry", onclick: () => retry([one.key]) }),
      fixed: true,
    },
  ];

  const draw = () =>
    awaited(body, T.loading, async (signal) => {
      const { failures, total } = await get(inside(held.name, "/failures"), { k: PAGE }, signal);
      if (total === 0) return put(body, empty(T.failures.none, T.failures.noneHint));
      put(
        body,
        h(
          "div",
          { class: "tools-row" },
          h("p", { class: "grow", role: "status" }, T.failures.intro(total)),
          session.can_write && button(T.failures.retryAll, { name: "retry", onclick: () => retry(null) }),
        ),
        table({ label: T.browse.tabs.failures, columns: columns().filter(Boolean), rows: failures }),
      );
      back();
    });

  draw();
  return { update: () => undefined };
}
