// A short word at the bottom of the page, with a way back.

import { action, h } from "./dom.js";

const STAYS_MS = 10_000;
let timer = 0;

/** Say what was done; `undo` makes a button of it. Stays while the pointer or the focus is on it. */
export function toast(words, undo = null) {
  const wrap = document.getElementById("toast");
  const gone = () => wrap.replaceChildren();
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(gone, STAYS_MS);
  };
  const press = () => {
    gone();
    undo();
  };
  const note = h("p", { class: "toast" }, h("span", {}, words), undo ? action("undo", "Undo", press) : "");
  for (const event of ["pointerenter", "focusin"]) note.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) note.addEventListener(event, wait);
  wrap.replaceChildren(note);
  wait();
}
