// The panel at the side: one dialog that other parts fill.

import { $, closable } from "./dom.js";

const drawer = $("drawer");

closable(drawer);

/** Open the drawer; returns a function that fills its body. */
export function open(title) {
  $("drawer-title").textContent = title;
  const body = $("drawer-body");
  body.replaceChildren();
  if (!drawer.open) drawer.showModal();
  return (...nodes) => body.replaceChildren(...nodes.filter(Boolean));
}
