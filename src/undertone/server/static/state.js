// What the parts of the chat page share: who is here, with whom, and the log.

import { $, announce, h } from "./dom.js";

export const state = {
  /** By purpose: "granted", "refused" or "not asked". */
  consents: {},
  personas: [],
  persona: null,
  /** The id of the conversation on the page; null before the first message. */
  conversation: null,
  /** The reply in the making, or null. */
  running: null,
};

/** Show what went wrong above the message field; an empty string clears it. */
export function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = !words;
}

/** A short word of thanks or of what was done; goes away by itself. */
export function toast(words) {
  const note = h("p", { class: "toast" }, words);
  announce(words);
  document.body.append(note);
  setTimeout(() => note.remove(), 4000);
}

/** What others may listen for: "reply" (one has come to its end), "consent" (one is missing), "branch" (another stands). */
export const changes = new EventTarget();
