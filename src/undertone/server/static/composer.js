// The message field: grows with the text, sends with Enter, measures the rhythm of typing.

import { $ } from "./dom.js";
import { state, trouble } from "./state.js";
import { rhythm, say } from "./turns.js";

const field = $("say");
const MOST_PX = 200;

function fit() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, MOST_PX)}px`;
}

function submit(event) {
  event.preventDefault();
  const text = field.value.trim();
  if (!text || state.running || !state.persona) return;
  trouble("");
  field.value = "";
  fit();
  say(text);
}

/** Enter sends and Shift+Enter makes a line; on a touch keyboard Enter makes a line. */
function keydown(event) {
  const touch = matchMedia("(pointer: coarse)").matches;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !touch) submit(event);
}

export function listen() {
  $("composer").addEventListener("submit", submit);
  field.addEventListener("keydown", keydown);
  field.addEventListener("input", () => {
    rhythm.key(field.value);
    fit();
  });
}
