// A reply as it comes: server-sent events over fetch, taken up again where a dropped connection left them.

import { Problem, send } from "./api.js";

const ENDINGS = new Set(["turn.done", "turn.error", "turn.interrupted"]);
const PATIENCE = [300, 800, 2000, 4000, 8000];

/** Parse server-sent events from a response body: yields {id, event, data}. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const found = { id: "", event: "message", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue; // a comment: the connection lives
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "data") found.data += (found.data ? "\n" : "") + value;
    else if (name in found) found[name] = value;
  }
  return found.data ? { ...found, data: JSON.parse(found.data) } : null;
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * All events of one turn, to its end. `first(signal)` makes the first request; when that fails it is made again only if
 * it is `repeatable` (a GET, or with an Idempotency-Key). Once a turn is known it is followed from the last event.
 * Throws Problem for a refusal, AbortError when `signal` says so, and the network's error when patience has run out.
 */
export async function* turn(first, { repeatable = true, signal } = {}) {
  let known = null;
  let last = "";
  for (let tries = 0; ; ) {
    try {
      const response = known ? await follow(known, last, signal) : await first(signal);
      for await (const event of events(response.body)) {
        tries = 0;
        known = event.data.turn ?? known;
        if (event.id) last = event.id;
        yield event;
        if (ENDINGS.has(event.event)) return;
      }
    } catch (error) {
      if (error instanceof Problem) {
        if (!known && error.code === "conflict" && error.document.turn) known = error.document.turn;
        else throw error;
      } else if (signal?.aborted || (!known && !repeatable)) throw error;
    }
    if (tries >= PATIENCE.length) throw new TypeError("the reply does not go on");
    await wait(PATIENCE[tries++]);
  }
}

/** The events of a known turn, after the event `last` or from the start. */
export const follow = (turnId, last, signal) =>
  send("GET", `/v1/turns/${turnId}/stream`, undefined, last ? { "Last-Event-ID": last } : {}, signal);
