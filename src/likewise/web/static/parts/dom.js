// Elements in one call: h("a", { class: "link", href, onclick }, "text", child).

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars")
      for (const [key, one] of Object.entries(value)) element.style.setProperty(`--${key}`, one);
    else if (name === "value" && "value" in element) element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export const icon = (name) =>
  svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#icon-${name}` }));

/** A button with an icon; without `shown` its text is its label only. */
export function button(text, { name, shown = true, kind = "", ...props } = {}) {
  const label = shown ? h("span", {}, text) : null;
  const titles = shown ? {} : { "aria-label": text, title: text };
  return h(
    "button",
    { type: "button", class: `button ${kind}${shown ? "" : " bare"}`, ...titles, ...props },
    name && icon(name),
    label,
  );
}

/** Replace what an element holds. */
export const put = (element, ...children) => {
  element.replaceChildren(...children.flat().filter(Boolean));
  return element;
};

/** A select with its label. Options: [value, text, title?]. */
export function choice(label, options, value, onchange) {
  const list = h(
    "select",
    { onchange: () => onchange(list.value) },
    options.map(([one, text]) => h("option", { value: one, selected: one === value }, text)),
  );
  return h("label", { class: "field" }, h("span", { class: "label" }, label), list);
}

let numbers = 0;
/** An id that no other element has. */
export const unique = (word) => `${word}-${++numbers}`;

/** True where keys belong to what is being typed. */
export const typing = (target) =>
  target instanceof Element && target.closest("input:not([type=checkbox]), select, textarea") !== null;

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
