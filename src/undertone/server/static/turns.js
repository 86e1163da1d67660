// One turn after the other: say, regenerate, stop, and come back to a reply that is still being written.

import { post, Problem, send, sentence } from "./api.js";
import { showAlternatives } from "./craft.js";
import { $, announce } from "./dom.js";
import { watch } from "./handover.js";
import { Log } from "./log.js";
import { askReport } from "./report.js";
import { changes, state, trouble } from "./state.js";
import { follow, turn } from "./stream.js";
import { Rhythm } from "./typing.js";
import { showWhy } from "./why.js";

export const rhythm = new Rhythm();
export const log = new Log({ why: showWhy, again: regenerate, more: goOn, report: askReport, reword });

/** Send a message and let the reply grow. `more`: members of the request beside it. */
export async function say(text, more = {}) {
  const timing = state.consents.typing === "granted" ? rhythm.measure() : {};
  const body = { persona: state.persona.id, message: text, ...timing, ...more };
  if (state.conversation) body.conversation = state.conversation;
  const key = crypto.randomUUID();
  const mine = log.mine(text);
  const reply = log.reply();
  await speak(reply, (signal) => send("POST", "/v1/chat", body, { "Idempotency-Key": key }, signal), { mine });
  if (more.edits) await showAlternatives(reply, mine);
}

/** The same message in other words, in its place; what was said after it leaves. */
function reword(item, turn, words) {
  if (state.running) return;
  log.cutFrom(item);
  say(words, { edits: turn });
}

/** Another reply to the same message, in the same place. */
export async function regenerate(reply) {
  if (state.running) return;
  const path = `/v1/turns/${reply.turn}/regenerate`;
  await speak(reply, (signal) => send("POST", path, undefined, {}, signal), { repeatable: false });
  const before = reply.element.previousElementSibling;
  await showAlternatives(reply, before?.matches(".mine") ? before : null);
}

/** More of the last reply, as a message of its own. */
function goOn(turn) {
  if (state.running) return;
  speak(log.reply(), (signal) => send("POST", `/v1/turns/${turn}/continue`, undefined, {}, signal), { repeatable: false });
}

/** Go on with a reply that was being written when the page was left. */
export function resume(turnId) {
  return speak(log.reply(turnId), (signal) => follow(turnId, "", signal));
}

/** Ask the engine to end the reply where it is. */
export async function stop() {
  const turnId = state.running?.reply.turn;
  if (turnId) await post(`/v1/turns/${turnId}/stop`).catch((error) => trouble(sentence(error)));
}

/** Leave a reply to itself: it goes on without us and is there when its conversation is opened again. */
export function detach() {
  state.running?.controller.abort();
  running(null);
}

async function speak(reply, first, { repeatable = true, mine = null } = {}) {
  const controller = new AbortController();
  const { signal } = controller;
  reply.restart();
  running({ reply, controller });
  const again = () => (reply.turn ? regenerate(reply) : speak(reply, first, { repeatable, mine }));
  try {
    for await (const { event, data } of turn(first, { repeatable, signal })) {
      if (event === "turn.started") {
        reply.turn = data.turn;
        if (mine) mine.dataset.turn = data.turn;
      }
      if (event === "text.delta") reply.add(data.text);
      else if (event === "turn.done") finish(reply, data);
      else if (event === "turn.interrupted") reply.fail("The reply was interrupted; what was said is kept.", again);
      else if (event === "turn.error") reply.fail(data.detail ?? "The reply failed.", again);
    }
  } catch (error) {
    if (signal.aborted) return;
    reply.fail(sentence(error), again);
    refused(error);
  }
  if (signal.aborted) return;
  running(null);
  rhythm.reply();
}

function finish(reply, data) {
  reply.done(data);
  announce(`${state.persona.name}: ${data.text}`);
  state.conversation = data.conversation;
  if (data.handover) watch(log);
  changes.dispatchEvent(new Event("reply"));
}

function refused(error) {
  if (!(error instanceof Problem)) return;
  if (error.code === "consent_required") changes.dispatchEvent(new Event("consent"));
  if (error.status === 401) location.reload();
}

function running(what) {
  state.running = what;
  $("send").hidden = Boolean(what);
  $("stop").hidden = !what;
  $("log").setAttribute("aria-busy", String(Boolean(what)));
}
