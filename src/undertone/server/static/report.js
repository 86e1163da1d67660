// Report a reply: one question, then a short thank-you.

import { post, sentence } from "./api.js";
import { $, closable } from "./dom.js";
import { toast, trouble } from "./state.js";

const dialog = $("report");
const form = $("report-form");
let turn = null;

closable(dialog);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  dialog.close();
  try {
    await post(`/v1/turns/${turn}/report`, { reason: form.elements.reason.value });
    toast("Reported. Thank you.");
  } catch (error) {
    trouble(sentence(error));
  }
});

/** Ask why a turn's reply is reported, and send it. */
export function askReport(turnId) {
  turn = turnId;
  form.reset();
  dialog.showModal();
}
