// "What was sent": the request a reply came from, word for word, each stretch in the colour of its part.

import { get, sentence } from "./api.js";
import { h } from "./dom.js";

const ROLES = { system: "Before the conversation", user: "You", assistant: "The reply before" };

/** A closed box that reads the request when it is opened. `names`: parts in words. */
export function sent(turn, names) {
  const body = h("div", { class: "sent" }, h("p", { class: "quiet" }, "Looking it up…"));
  const box = h("details", { class: "likely" }, h("summary", {}, "Read it word for word"), body);
  box.addEventListener("toggle", () => box.open && fill(body, turn, names), { once: true });
  return box;
}

async function fill(body, turn, names) {
  try {
    const found = await get(`/v1/turns/${turn}/sent`);
    body.replaceChildren(exactness(found), ...found.messages.map((message) => block(message, names)));
  } catch (error) {
    body.replaceChildren(h("p", { class: "quiet" }, sentence(error)));
  }
}

function exactness({ exact, messages }) {
  const forgotten = messages.some((message) => message.parts.some((part) => part.withheld === "forgotten"));
  const words = exact
    ? "This is exactly what the model received."
    : forgotten
      ? "What the model received, without what was forgotten since."
      : "What the model received, as far as it can still be told.";
  return h("p", { class: "quiet" }, words);
}

function block({ role, parts }, names) {
  return h(
    "section",
    { class: "sent-message" },
    h("h4", {}, ROLES[role] ?? role),
    ...joined(parts).map((part) =>
      h(
        "div",
        { class: `sent-part edge-${part.part}` },
        h("p", { class: "quiet" }, `${names[part.part] ?? part.part} · ${part.tokens} tokens`),
        h("p", { class: part.withheld ? "withheld" : "words" }, part.text),
      ),
    ),
  );
}

const HIDDEN = {
  instructions: "The character's instructions and our rules: weighed here, not shown.",
  forgotten: "(forgotten)",
};

/** Stretches of one part as one. */
function joined(parts) {
  const rows = [];
  for (const part of parts) {
    const last = rows.at(-1);
    const text = part.withheld ? HIDDEN[part.withheld] : part.text;
    const withheld = part.withheld === "instructions";
    if (last && last.part === part.part && last.withheld === withheld) {
      last.tokens += part.tokens;
      if (!withheld) last.text += text;
    } else rows.push({ part: part.part, tokens: part.tokens, text, withheld });
  }
  return rows.filter((row) => row.text.trim());
}
