// The chat page: consent first, then the personas, then the chat.

import { get, post, sentence } from "./api.js";
import { listen } from "./composer.js";
import { $ } from "./dom.js";
import { ask } from "./gate.js";
import { begin, choose, lastPersona } from "./rail.js";
import { showMemories } from "./remember.js";
import { changes, state, trouble } from "./state.js";
import { log, stop } from "./turns.js";

async function consent() {
  const standing = await get("/v1/users/me");
  state.consents = standing.consents;
  if (standing.consents.chat !== "granted") Object.assign(state.consents, await ask(standing));
}

async function leave() {
  await post("/leave").catch(() => {}); // the page it leads to says whether it worked
  location.assign("/");
}

/** The place that the address names (`?persona=&conversation=&message=`), or where they were last. */
async function arrive() {
  const asked = new URLSearchParams(location.search);
  const persona = state.personas.find((one) => one.id === asked.get("persona"));
  history.replaceState(null, "", "/");
  if (!persona) return choose(lastPersona());
  await choose(persona, { id: asked.get("conversation") });
  log.find(asked.get("message"));
}

async function start() {
  listen();
  $("stop").addEventListener("click", stop);
  $("leave").addEventListener("click", leave);
  $("new-conversation").addEventListener("click", begin);
  $("open-memories").addEventListener("click", () => showMemories(state.consents.memory === "granted"));
  changes.addEventListener("consent", () => consent().catch((error) => trouble(sentence(error))));
  try {
    await consent();
    state.personas = await get("/v1/personas");
    if (state.personas.length) await arrive();
    else trouble("There is no persona yet. Add one, then open this page again.");
  } catch (error) {
    trouble(sentence(error));
  }
}

start();
