// Modal dialogs: confirm, token, keys. All are <dialog>, which keeps the focus and closes with Escape.

import { button, h, unique } from "./dom.js";
import { T } from "../strings.js";

/** A dialog that removes itself; `done` gets its return value. */
export function dialog(title, content, { kind = "", done = () => undefined } = {}) {
  const id = unique("title");
  const box = h(
    "dialog",
    { class: `dialog ${kind}`, "aria-labelledby": id },
    h("h2", { id, tabindex: "-1", autofocus: true }, title),
    content,
  );
  box.addEventListener("close", () => {
    box.remove();
    done(box.returnValue);
  });
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  box.showModal();
  return box;
}

const buttons = (...all) => h("div", { class: "buttons" }, all);

/** True when the person agrees. */
export const confirm = (title, text, action) =>
  new Promise((answer) => {
    const box = dialog(
      title,
      [
        h("p", {}, text),
        buttons(
          button(T.cancel, { onclick: () => box.close() }),
          button(action, { kind: "strong", onclick: () => box.close("yes") }),
        ),
      ],
      { done: (value) => answer(value === "yes") },
    );
  });

/** Ask for the token until `enter` accepts it; false when the person gives up. */
export const askToken = (enter) =>
  new Promise((answer) => {
    const field = h("input", { type: "password", autocomplete: "current-password", required: true });
    const wrong = h("p", { class: "wrong", role: "alert" });
    const form = h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          wrong.textContent = "";
          try {
            await enter(field.value);
            box.close("yes");
          } catch (error) {
            wrong.textContent = error.status === 401 ? T.signIn.wrong : error.message;
          }
        },
      },
      h("p", {}, T.signIn.text),
      h("label", { class: "field" }, h("span", { class: "label" }, T.signIn.token), field),
      wrong,
      buttons(
        button(T.cancel, { onclick: () => box.close() }),
        h("button", { class: "button strong" }, T.signIn.go),
      ),
    );
    const box = dialog(T.signIn.title, form, { done: (value) => answer(value === "yes") });
  });

export function showKeys() {
  const groups = T.keys.groups.map(([name, keys]) =>
    h(
      "section",
      {},
      h("h3", {}, name),
      h(
        "dl",
        { class: "keys" },
        keys.map(([key, text]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, text))),
      ),
    ),
  );
  const box = dialog(
    T.keys.title,
    [h("div", { class: "columns" }, groups), buttons(button(T.close, { onclick: () => box.close() }))],
    { kind: "wide" },
  );
}
