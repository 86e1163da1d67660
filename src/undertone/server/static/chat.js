// The chat page: who is here, with whom they talk, and one turn after the other.

import { get, post, Problem, send, sentence } from "./api.js";
import { $, announce, avatar, h, hue, whenWords } from "./dom.js";
import { closable } from "./drawer.js";
import { ask } from "./gate.js";
import { Log } from "./log.js";
import { showMemories } from "./remember.js";
import { turn } from "./stream.js";
import { Rhythm } from "./typing.js";
import { showWhy } from "./why.js";

const state = { personas: [], persona: null, conversation: null, conversations: [], consents: {}, running: null };
const rhythm = new Rhythm();
const log = new Log({ why: showWhy, again: regenerate, report: askReport });
const field = $("say");
const LAST = "undertone.persona";

// ---- one turn -------------------------------------------------------------------------------------------------------

async function say(text) {
  const timing = state.consents.typing === "granted" ? rhythm.measure() : {};
  const body = { persona: state.persona.id, message: text, ...timing };
  if (state.conversation) body.conversation = state.conversation;
  const key = crypto.randomUUID();
  $("log").querySelector(".hello")?.classList.add("past");
  log.mine(text);
  const reply = log.reply();
  await speak(reply, () => send("POST", "/v1/chat", body, { "Idempotency-Key": key }));
}

async function regenerate(reply) {
  if (state.running) return;
  const before = reply.turn;
  reply.restart();
  await speak(reply, () => send("POST", `/v1/turns/${before}/regenerate`), before);
}

/** Let a reply grow until its end. A refusal is shown where the reply would stand. */
async function speak(reply, first, before = null) {
  state.running = reply;
  reply.turn = null;
  showRunning(true);
  try {
    for await (const { event, data } of turn(first)) {
      if (event === "turn.started") reply.turn = data.turn;
      else if (event === "text.delta") reply.add(data.text);
      else if (event === "turn.done") finish(reply, data);
      else if (event === "turn.interrupted") reply.fail("The reply was interrupted. What was said is kept.", () => regenerate(reply));
      else if (event === "turn.error") reply.fail(data.detail ?? "The reply failed.", () => regenerate(reply));
    }
  } catch (error) {
    reply.turn ??= before;
    reply.fail(sentence(error), reply.turn ? () => regenerate(reply) : null);
    if (error instanceof Problem && error.code === "consent_required") await consent();
    if (error instanceof Problem && error.status === 401) location.reload();
  } finally {
    state.running = null;
    showRunning(false);
    rhythm.reply();
  }
}

function finish(reply, data) {
  reply.done(data);
  const fresh = state.conversation !== data.conversation;
  state.conversation = data.conversation;
  announce(`${state.persona.name}: ${data.text}`);
  if (fresh) listConversations().catch(() => {});
}

function showRunning(running) {
  $("send").hidden = running;
  $("stop").hidden = !running;
  $("log").setAttribute("aria-busy", String(running));
}

async function stop() {
  const turnId = state.running?.turn;
  if (turnId) await post(`/v1/turns/${turnId}/stop`).catch((error) => trouble(sentence(error)));
}

// ---- the message field ----------------------------------------------------------------------------------------------

function fit() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 200)}px`;
}

function submit(event) {
  event?.preventDefault();
  const text = field.value.trim();
  if (!text || state.running || !state.persona) return;
  trouble("");
  field.value = "";
  fit();
  say(text);
}

function keydown(event) {
  const touch = matchMedia("(pointer: coarse)").matches;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !touch) submit(event);
}

function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = !words;
}

// ---- personas and conversations -------------------------------------------------------------------------------------

function drawPersonas() {
  $("personas").replaceChildren(
    ...state.personas.map((persona) =>
      h(
        "li",
        {},
        h(
          "button",
          { type: "button", class: "persona", "aria-current": persona === state.persona ? "true" : null, onclick: () => choose(persona) },
          avatar(persona),
          h("span", {}, h("b", {}, persona.name), h("small", {}, persona.tagline)),
        ),
      ),
    ),
  );
}

async function choose(persona, conversation = undefined) {
  if (state.running) await stop();
  state.persona = persona;
  state.conversation = null;
  try {
    localStorage.setItem(LAST, persona.id);
  } catch {
    // storage is blocked: the first persona greets next time
  }
  $("bar-name").textContent = persona.name;
  $("foot-name").textContent = persona.name;
  $("bar-tagline").textContent = persona.tagline;
  $("bar-avatar").className = `avatar ${hue(persona.id)}`;
  $("bar-avatar").textContent = persona.name.slice(0, 1);
  field.placeholder = `Write to ${persona.name}`;
  document.title = `${persona.name} · Undertone`;
  closeRail();
  drawPersonas();
  await listConversations();
  const open = conversation ?? state.conversations.find((one) => !one.closed_at);
  await read(open);
  field.focus({ preventScroll: true });
}

async function listConversations() {
  try {
    state.conversations = await get(`/v1/conversations?persona=${encodeURIComponent(state.persona.id)}`);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
    state.conversations = [];
  }
  drawConversations();
}

function drawConversations() {
  const shown = state.conversations.filter((one) => one.messages > 0).slice(0, 30);
  const rows = shown.map((one) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", "aria-current": one.id === state.conversation ? "true" : null, onclick: () => choose(state.persona, one) },
        h("span", {}, one.title || (one.closed_at ? "An earlier conversation" : "This conversation")),
        h("small", {}, whenWords(one.last_at)),
      ),
    ),
  );
  $("earlier").replaceChildren(...(rows.length ? rows : [h("li", { class: "quiet" }, "None yet.")]));
}

async function read(conversation) {
  let messages = [];
  if (conversation) {
    state.conversation = conversation.id;
    messages = await get(`/v1/conversations/${conversation.id}/messages`);
  }
  log.show(state.persona, messages);
  drawConversations();
  rhythm.reply();
}

async function begin() {
  if (state.running) return;
  try {
    const made = await post("/v1/conversations", { persona: state.persona.id });
    state.conversation = made.id;
    log.show(state.persona);
    await listConversations();
    announce("A new conversation.");
    field.focus();
  } catch (error) {
    trouble(sentence(error));
  }
}

function closeRail() {
  if ($("rail").matches(":popover-open")) $("rail").hidePopover();
}

// ---- report, sign out, consent --------------------------------------------------------------------------------------

function askReport(turnId) {
  const dialog = $("report");
  const form = $("report-form");
  form.reset();
  form.onsubmit = async (event) => {
    event.preventDefault();
    dialog.close();
    try {
      await post(`/v1/turns/${turnId}/report`, { reason: form.elements.reason.value });
      trouble("");
      announce("Reported. Thank you.");
      toast("Reported. Thank you.");
    } catch (error) {
      trouble(sentence(error));
    }
  };
  dialog.showModal();
}

function toast(words) {
  const note = h("p", { class: "toast" }, words);
  document.body.append(note);
  setTimeout(() => note.remove(), 4000);
}

async function leave() {
  await post("/leave").catch(() => {});
  location.assign("/");
}

async function consent() {
  const standing = await get("/v1/users/me");
  state.consents = standing.consents;
  if (standing.consents.chat !== "granted") state.consents = { ...standing.consents, ...(await ask(standing)) };
}

// ---- start ----------------------------------------------------------------------------------------------------------

async function start() {
  closable($("report"));
  $("composer").addEventListener("submit", submit);
  field.addEventListener("keydown", keydown);
  field.addEventListener("input", () => {
    rhythm.key(field.value);
    fit();
  });
  $("stop").addEventListener("click", stop);
  $("leave").addEventListener("click", leave);
  $("new-conversation").addEventListener("click", begin);
  $("open-memories").addEventListener("click", () => showMemories(state.consents.memory === "granted"));
  try {
    await consent();
    state.personas = await get("/v1/personas");
    const last = localStorage.getItem(LAST);
    const persona = state.personas.find((one) => one.id === last) ?? state.personas[0];
    if (persona) await choose(persona);
    else trouble("There is no persona yet. Add one, then open this page again.");
  } catch (error) {
    trouble(sentence(error));
  }
}

start();
