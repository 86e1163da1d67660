// Conversation craft on the page: swipe between replies and wordings, change one's own words, suggest a better reply.

import { get, post, sentence } from "./api.js";
import { $, action, closable, h } from "./dom.js";
import { changes, toast, trouble } from "./state.js";

/** Show "2 of 3" under the newest exchange where there is something to swipe between. */
export async function showAlternatives(reply, mine) {
  if (!reply?.turn) return;
  try {
    const found = await get(`/v1/turns/${reply.turn}/alternatives`);
    reply.alternatives(swipe(found.replies, reply.turn, "reply", (turn) => swap(reply, mine, turn, found.replies)));
    mine?.querySelector(".swipe")?.remove();
    const versions = swipe(found.versions, reply.turn, "wording", goTo);
    if (versions) mine?.querySelector(".mine-foot").prepend(versions);
  } catch {
    // the conversation is complete without it
  }
}

/** The two arrows and the number between them; null where there is only one. */
function swipe(all, turn, noun, go) {
  const at = Math.max(all.findIndex((one) => one.active), 0);
  if (all.length < 2) return null;
  const step = (icon, label, to) => action(icon, label, () => go(all[to].turn), { quiet: true, disabled: to < 0 || to >= all.length });
  return h(
    "span",
    { class: "swipe", role: "group", "aria-label": `Other ${noun === "reply" ? "replies" : "wordings"}` },
    step("left", `Earlier ${noun}`, at - 1),
    h("span", { class: "swipe-at", "aria-live": "polite" }, `${at + 1} of ${all.length}`),
    step("right", `Later ${noun}`, at + 1),
  );
}

async function swap(reply, mine, turn, replies) {
  try {
    await post(`/v1/turns/${turn}/choose`);
    reply.turn = turn;
    reply.done({ turn, text: replies.find((one) => one.turn === turn).text }, { settled: true });
    await showAlternatives(reply, mine);
    reply.element.querySelector(".swipe button:not(:disabled)")?.focus();
  } catch (error) {
    trouble(sentence(error));
  }
}

async function goTo(turn) {
  try {
    await post(`/v1/turns/${turn}/choose`);
    changes.dispatchEvent(new Event("branch"));
  } catch (error) {
    trouble(sentence(error));
  }
}

/** Turn one's own bubble into a field; `save(text)` says the new words in its place. */
export function edit(item, text, save) {
  const bubble = item.querySelector(".bubble");
  const field = h("textarea", { class: "edit-words", rows: Math.min(8, 1 + Math.ceil(text.length / 46)), maxlength: 8000, "aria-label": "Your message, changed" });
  field.value = text;
  const back = () => box.replaceWith(bubble);
  const done = () => {
    const words = field.value.trim();
    if (!words || words === text) back();
    else save(words);
  };
  const box = h(
    "div",
    { class: "edit-box" },
    field,
    h("p", { class: "quiet" }, "What was said after it leaves the conversation; you can go back."),
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: back }, "Cancel"),
      h("button", { type: "button", class: "button primary", onclick: done }, "Send"),
    ),
  );
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    if (event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches) {
      event.preventDefault();
      done();
    }
  });
  bubble.replaceWith(box);
  field.focus();
}

const dialog = $("suggest");
const form = $("suggest-form");
let about = null;

closable(dialog);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const suggestion = form.elements.suggestion.value.trim();
  if (!suggestion) return;
  dialog.close();
  try {
    await post(`/v1/turns/${about}/suggestion`, { suggestion });
    toast("Kept. Thank you.");
  } catch (error) {
    trouble(sentence(error));
  }
});

/** Ask what the person would rather have heard. */
export function askSuggestion(turn, text) {
  about = turn;
  form.reset();
  form.elements.suggestion.value = text;
  dialog.showModal();
}
