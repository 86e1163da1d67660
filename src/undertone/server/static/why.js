// "Why this reply": what was read, which way of replying was chosen, what was remembered, what the model was given.

import { get, sentence } from "./api.js";
import { h, svg } from "./dom.js";
import { open } from "./drawer.js";
import { capital, typeWords } from "./words.js";

const SIGNALS = { sentiment: "Mood", engagement: "Attention", behaviour: "Habit" };
const PARTS = {
  persona: "Persona and rules",
  card: "What is known of you",
  summaries: "Earlier conversations",
  history: "This conversation",
  memories: "Memories",
  notes: "Notes on tone",
  message: "Your message",
};

/** Open the drawer for a turn. */
export async function showWhy(turn) {
  const fill = open("Why this reply");
  fill(h("p", { class: "quiet" }, "Looking it up…"));
  try {
    fill(...explain(await get(`/v1/turns/${turn}`)));
  } catch (error) {
    fill(h("p", { class: "trouble" }, sentence(error)));
  }
}

function explain(found) {
  const why = found.why ?? {};
  return [
    section("How it was spoken", strategy(found, why)),
    section("What was read", readings(found, why)),
    section("What was remembered", memories(found)),
    why.context && section("What the model was given", context(why.context)),
    footer(found, why),
  ];
}

const section = (title, ...nodes) => h("section", {}, h("h3", {}, title), ...nodes.flat());

function strategy(found, why) {
  if (!why.strategy) return h("p", {}, found.strategy === "crisis" ? "With words prepared for a crisis, not by a model." : "Unknown.");
  return [
    h("p", { class: "headline" }, capital(why.strategy.id)),
    h("p", {}, why.strategy.summary),
    h("p", { class: "quiet" }, `Chosen because ${why.strategy.why}.`),
  ];
}

function readings(found, why) {
  const rows = [];
  const typed = why.signals?.user_type;
  if (typed) rows.push(reading("You, as read", typeWords(typed.label), typed.score));
  else rows.push(reading("You, as read", "Not read: you have not allowed it"));
  for (const [name, title] of Object.entries(SIGNALS)) {
    const signal = why.signals?.[name];
    if (signal) rows.push(reading(title, capital(signal.label), name === "sentiment" ? null : signal.score));
  }
  const care = why.duties?.level;
  if (care && care !== "none") rows.push(reading("Care", `A sign of ${care} was read; care comes first`));
  return h("dl", { class: "readings" }, ...rows.flat());
}

function reading(title, words, score = null) {
  const certainty = typeof score === "number" && score > 0 && score <= 1 ? h("span", { class: "quiet" }, ` ${Math.round(score * 100)}%`) : null;
  return [h("dt", {}, title), h("dd", {}, words, certainty)];
}

function memories(found) {
  if (!found.memories?.length) return h("p", { class: "quiet" }, "Nothing from earlier was used.");
  return h(
    "ul",
    { class: "used" },
    ...found.memories.map((memory) => h("li", {}, h("blockquote", {}, memory.text), h("p", { class: "quiet" }, memory.why))),
  );
}

/** The request's parts as one bar and a legend. */
function context({ parts, tokens, model, left_out: leftOut }) {
  const shown = parts.filter((part) => part.tokens > 0);
  let x = 0;
  const bar = svg("svg", { class: "shares", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const part of shown) {
    bar.append(svg("rect", { class: `part-${part.part}`, x, y: 0, width: Math.max(0, part.share * 100 - 0.4), height: 6 }));
    x += part.share * 100;
  }
  const legend = shown.map((part) =>
    h(
      "li",
      {},
      h("i", { class: `key part-${part.part}` }),
      h("span", {}, PARTS[part.part] ?? capital(part.part)),
      h("span", { class: "quiet" }, `${part.tokens} · ${Math.round(part.share * 100)}%`),
    ),
  );
  return [
    bar,
    h("ul", { class: "legend" }, ...legend),
    h("p", { class: "quiet" }, `About ${tokens} tokens for ${model === "offline" ? "the offline composer" : model}.`),
    leftOut?.length ? h("p", { class: "quiet" }, `Left out: ${leftOut.join("; ")}.`) : null,
  ].filter(Boolean);
}

function footer(found, why) {
  const words = [];
  if (found.usage?.completion_tokens) words.push(`${found.usage.completion_tokens} tokens written`);
  if (found.usage?.cached_tokens) words.push(`${found.usage.cached_tokens} from cache`);
  if (why.output_rail) words.push(`the reply was cut by the rail “${why.output_rail}”`);
  return words.length ? h("p", { class: "quiet small-print" }, `${capital(words.join(", "))}.`) : null;
}
