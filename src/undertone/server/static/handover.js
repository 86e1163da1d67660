// While a person was asked for, or answers: looks now and then for what they wrote.

import { get } from "./api.js";
import { $, announce } from "./dom.js";
import { state } from "./state.js";

const EVERY_MS = 4000;
let timer = null;

/** Watch this conversation for as long as a person is asked for or answers in it. */
export async function watch(log) {
  clearTimeout(timer);
  const { conversation } = state;
  if (!conversation) return;
  const path = `/v1/conversations/${conversation}`;
  try {
    const { state: who } = await get(`${path}/handover`);
    const came = state.conversation === conversation ? log.take(await messages(path, who)) : [];
    for (const message of came) announce(`${message.by_human ? "A person" : "Undertone"}: ${message.text}`);
    if (state.conversation === conversation) $("say").placeholder = who === "taken" ? "Write to the person who is here" : `Write to ${state.persona.name}`;
    if (who === "back" || state.conversation !== conversation) return;
  } catch {
    // the next look may succeed
  }
  timer = setTimeout(() => watch(log), EVERY_MS);
}

let before = "back";

/** The last messages where somebody is there, and once more when they have left. */
async function messages(path, who) {
  const wanted = who !== "back" || before !== "back";
  before = who;
  return wanted ? get(`${path}/messages?limit=40`) : [];
}
