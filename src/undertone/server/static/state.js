// What the parts of the chat page share: who is here, with whom, and the log.

import { $ } from "./dom.js";

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

/** What others may listen for: "reply" (one has come to its end), "consent" (one is missing). */
export const changes = new EventTarget();
