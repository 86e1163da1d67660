// "Why this reply": what was read, which way of replying was chosen, what was remembered, what the model was given.

import { get, sentence } from "./api.js";
import { h, svg } from "./dom.js";
import { open } from "./drawer.js";
import { sent } from "./sent.js";
import { capital, typeWords } from "./words.js";

const READINGS = {
  sentiment: ["Mood", { negative: "Low", neutral: "Even", positive: "Bright" }],
  engagement: ["Attention", { losing: "Elsewhere", steady: "Steady", rising: "Growing" }],
  strain: ["What weighs", { none: "Nothing you spoke of", intoxication: "Drink", debt: "Money", guilt: "Guilt", compulsion: "Hard to stop", loneliness: "Loneliness", distress: "Distress" }],
  behaviour: ["Habit", { none: "Nothing unusual", burst: "Many messages at once", late_night: "Up late" }],
};
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
    section("What was read", readings(why)),
    section("What was remembered", memories(found)),
    why.context && section("What the model was given", context(why.context), sent(found.turn, PARTS)),
    footer(found, why),
  ];
}

const section = (title, ...nodes) => h("section", {}, h("h3", {}, title), ...nodes.flat().filter(Boolean));

function strategy(found, why) {
  if (!why.strategy) return h("p", {}, found.strategy === "crisis" ? "With words prepared for a crisis, not by a model." : "Unknown.");
  return [
    h("p", { class: "headline" }, capital(why.strategy.id)),
    h("p", {}, why.strategy.summary),
    h("p", { class: "quiet" }, `Chosen because ${why.strategy.why}.`),
    why.strategy.narrowed?.length ? h("p", { class: "quiet" }, `Nothing flirtatious and nothing for sale: ${why.strategy.narrowed.join("; ")}.`) : null,
    why.context ? h("p", { class: "quiet" }, `Temperature ${why.context.temperature}, at most ${why.context.max_tokens} tokens.`) : null,
  ];
}

function readings(why) {
  const rows = [];
  const typed = why.signals?.user_type;
  rows.push(reading("Looking for", typed ? typeWords(typed.label) : "Not read: you have not allowed it"));
  for (const [name, [title, words]] of Object.entries(READINGS)) {
    const signal = why.signals?.[name];
    if (signal) rows.push(reading(title, words[signal.label] ?? capital(signal.label)));
  }
  const care = why.duties?.level;
  if (care && care !== "none") rows.push(reading("Care", `A sign of ${care} was read; care comes first`));
  return [h("dl", { class: "readings" }, ...rows.flat()), typed ? likely(typed.detail?.probabilities) : null];
}

const reading = (title, words) => [h("dt", {}, title), h("dd", {}, words)];

/** How likely each kind of person is, as the reading has it. */
function likely(probabilities) {
  if (!probabilities) return null;
  const rows = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  return h(
    "details",
    { class: "likely" },
    h("summary", {}, "How sure is that?"),
    h("ul", {}, ...rows.map(([label, p]) => h("li", {}, h("span", {}, typeWords(label)), h("span", { class: "quiet" }, `${Math.round(p * 100)}%`), gauge(p)))),
    h("p", { class: "quiet" }, "A guess from how you write. ", h("a", { href: "/me" }, "Correct it, or turn it off.")),
  );
}

const gauge = (share) =>
  svg(
    "svg",
    { class: "gauge", viewBox: "0 0 100 3", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "part-memories", x: 0, y: 0, width: share * 100, height: 3 }),
  );

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
  ];
}

function footer(found, why) {
  const words = [];
  if (found.usage?.completion_tokens) words.push(`${found.usage.completion_tokens} tokens written`);
  if (found.usage?.cached_tokens) words.push(`${found.usage.cached_tokens} from cache`);
  if (why.output_rail) words.push(`the reply was cut by the rail “${why.output_rail}”`);
  return words.length ? h("p", { class: "quiet small-print" }, `${capital(words.join(", "))}.`) : null;
}
