// Small helpers to make elements. No HTML string is ever parsed: what people and models wrote stays text.

export const $ = (id) => document.getElementById(id);

/** Make an element. Props that start with "on" are listeners, "class" and others are attributes, booleans toggle. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const icon = (name) => svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));

/** A button with an icon; its label is read out, and shown unless `quiet`. */
export function action(name, label, onclick, { quiet = false, ...props } = {}) {
  return h(
    "button",
    { type: "button", class: "action", title: quiet ? label : null, "aria-label": label, onclick, ...props },
    icon(name),
    quiet ? null : h("span", {}, label),
  );
}

/** Which of six colours belongs to a name: always the same one. */
export function hue(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  return `hue-${sum % 6}`;
}

export function avatar(persona, size = "") {
  return h("span", { class: `avatar ${size} ${hue(persona.id)}`, "aria-hidden": "true" }, persona.name.slice(0, 1));
}

/** Close a dialog by its button or by a press beside it. */
export function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}

/** Say something to a screen reader. */
export function announce(text) {
  $("announce").textContent = text;
}

export function whenWords(iso) {
  const date = new Date(iso);
  const days = Math.floor((new Date().setHours(0, 0, 0, 0) - new Date(iso).setHours(0, 0, 0, 0)) / 864e5);
  if (days === 0) return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (days === 1) return "yesterday";
  if (days < 7) return date.toLocaleDateString(undefined, { weekday: "long" });
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

/** What this browser keeps for the next visit; storage may be blocked, and then nothing is kept. */
export const kept = {
  get(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {
      // the page works without it
    }
  },
};
