// The panel at the side: one dialog that other parts fill.

import { $ } from "./dom.js";

const drawer = $("drawer");

/** Close a dialog by its button or by a press beside it. */
export function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
closable(drawer);

/** Open the drawer; returns a function that fills its body. */
export function open(title) {
  $("drawer-title").textContent = title;
  const body = $("drawer-body");
  body.replaceChildren();
  if (!drawer.open) drawer.showModal();
  return (...nodes) => body.replaceChildren(...nodes.filter(Boolean));
}
