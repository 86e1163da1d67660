// Consent before the first word: says that this is an AI, asks for chat, and by itself for memory and for reading.

import { patch, post, sentence } from "./api.js";
import { $ } from "./dom.js";

/** The version of the words in the gate; a new wording gets a new number and asks again. */
export const VERSION = "1";

/** Record one answer. */
export const answer = (purpose, granted) => post("/v1/users/me/consents", { purpose, version: VERSION, granted });

/** Ask until chat is agreed to; returns the answers given, by purpose. */
export function ask(standing) {
  const gate = $("gate");
  const form = $("gate-form");
  for (const purpose of ["memory", "typing"]) form.elements[purpose].checked = standing.consents[purpose] === "granted";
  gate.addEventListener("cancel", (event) => event.preventDefault());
  gate.showModal();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const trouble = $("gate-trouble");
      trouble.hidden = true;
      try {
        const consents = {};
        for (const purpose of ["memory", "typing", "chat"]) {
          const yes = purpose === "chat" || form.elements[purpose].checked;
          await answer(purpose, yes);
          consents[purpose] = yes ? "granted" : "refused";
        }
        if (!standing.language) await patch("/v1/users/me", { language: navigator.language });
        gate.close();
        resolve(consents);
      } catch (error) {
        trouble.textContent = sentence(error);
        trouble.hidden = false;
      }
    });
  });
}
