// Whom to talk with and which conversation: the rail at the side, and the change from one to the other.

import { get, post, Problem, sentence } from "./api.js";
import { showAlternatives } from "./craft.js";
import { $, announce, avatar, h, hue, kept, whenWords } from "./dom.js";
import { watch } from "./handover.js";
import { changes, state, trouble } from "./state.js";
import { detach, log, resume, rhythm } from "./turns.js";

const LAST = "undertone.persona";
const SHOWN = 30;
let conversations = [];
let visits = 0;

changes.addEventListener("reply", () => {
  const listed = conversations.some((one) => one.id === state.conversation && one.messages > 0);
  if (!listed) list().catch(() => {}); // the list can wait; the chat goes on
});

changes.addEventListener("branch", () => choose(state.persona, { id: state.conversation }));

/** The persona of the last visit, or the first there is. */
export const lastPersona = () => state.personas.find((one) => one.id === kept.get(LAST)) ?? state.personas[0];

/** Turn to a persona, and to its open conversation or to the one given. */
export async function choose(persona, conversation = null) {
  const visit = ++visits;
  detach();
  trouble("");
  state.persona = persona;
  state.conversation = null;
  kept.set(LAST, persona.id);
  face(persona);
  closeRail();
  try {
    await list();
    const wanted = conversation ?? conversations.find((one) => !one.closed_at);
    const messages = wanted ? await get(`/v1/conversations/${wanted.id}/messages?limit=500`) : [];
    const around = await surroundings(persona, messages);
    if (visit !== visits) return; // they went elsewhere meanwhile
    state.conversation = wanted?.id ?? null;
    show(messages, around);
  } catch (error) {
    trouble(sentence(error));
  }
}

/** Begin a new conversation with the same persona. */
export async function begin() {
  const visit = ++visits;
  detach();
  try {
    const made = await post("/v1/conversations", { persona: state.persona.id });
    if (visit !== visits) return;
    const around = await surroundings(state.persona, []);
    state.conversation = made.id;
    show([], around);
    announce("A new conversation.");
    await list();
  } catch (error) {
    trouble(sentence(error));
  }
}

/** What a page needs beside the messages: a hello by time away, and which messages are reminders. */
async function surroundings(persona, messages) {
  const reminded = messages.some((message) => message.role === "assistant" && !message.turn);
  const [greeting, delivered] = await Promise.all([
    messages.length ? null : get(`/v1/personas/${encodeURIComponent(persona.id)}/greeting`).catch(() => null),
    reminded ? get("/v1/reminders?state=delivered").catch(() => []) : [],
  ]);
  return { hello: greeting?.text ?? persona.greeting, reminders: new Set(delivered.map((one) => one.message)) };
}

function show(messages, around) {
  const { reply, mine } = log.show(state.persona, messages, around);
  if (messages.at(-1)?.role === "assistant") showAlternatives(reply, mine);
  draw();
  watch(log);
  rhythm.reply();
  if (!matchMedia("(pointer: coarse)").matches) $("say").focus({ preventScroll: true });
  const last = messages.at(-1);
  if (last?.role === "user" && last.turn) resume(last.turn);
}

async function list() {
  const { persona } = state;
  let found = [];
  try {
    found = await get(`/v1/conversations?persona=${encodeURIComponent(persona.id)}`);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
  if (persona !== state.persona) return;
  conversations = found;
  draw();
}

function draw() {
  $("personas").replaceChildren(...state.personas.map(personaRow));
  const rows = conversations.filter((one) => one.messages > 0).slice(0, SHOWN).map(conversationRow);
  $("earlier").replaceChildren(...(rows.length ? rows : [h("li", { class: "quiet" }, "None yet.")]));
}

function personaRow(persona) {
  const current = persona === state.persona ? "true" : null;
  const words = h("span", {}, h("b", {}, persona.name), h("small", {}, persona.tagline));
  const press = () => (current ? closeRail() : choose(persona));
  return h("li", {}, h("button", { type: "button", class: "persona", "aria-current": current, onclick: press }, avatar(persona), words));
}

function conversationRow(one) {
  const current = one.id === state.conversation;
  const title = one.title || (current ? "This conversation" : "Conversation");
  return h(
    "li",
    {},
    h(
      "button",
      { type: "button", title: one.summary, "aria-current": current ? "true" : null, onclick: () => choose(state.persona, one) },
      h("span", {}, title),
      h("small", {}, whenWords(one.last_at)),
    ),
  );
}

function face(persona) {
  $("bar-name").textContent = persona.name;
  $("foot-name").textContent = persona.name;
  $("bar-tagline").textContent = persona.tagline;
  $("bar-avatar").className = `avatar ${hue(persona.id)}`;
  $("bar-avatar").textContent = persona.name.slice(0, 1);
  $("say").placeholder = `Write to ${persona.name}`;
  document.title = `${persona.name} · Undertone`;
}

function closeRail() {
  if ($("rail").matches(":popover-open")) $("rail").hidePopover();
}
