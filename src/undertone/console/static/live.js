// A page that changes by itself: a stream says that something changed, the page is fetched again at its own address, and
// the parts marked data-live are exchanged, row by row where rows have a data-key. Nothing else of the page moves.

import { country } from "./filters.js";

const MINUTE_MS = 60_000;
const button = document.getElementById("live");
const still = "still" in button.dataset;
const restMs = Number(button.dataset.rest) * 1000;

let paused = false;
let waiting = false;
let fetching = false;
let again = false;
let last = 0;
let stream = null;

function say(text, away = false) {
  const label = button.querySelector("[role=status]");
  if (label.textContent !== text) label.textContent = text;
  button.classList.toggle("away", away);
}

/** Ask for the page soon: at once, or when the rest between two looks is over. */
function soon() {
  if (paused || document.hidden || waiting) return;
  waiting = true;
  setTimeout(refresh, Math.max(0, last + restMs - Date.now()));
}

async function refresh() {
  waiting = false;
  again = fetching; // what changed while an answer was on its way may not be in it
  if (paused || fetching) return;
  fetching = true;
  last = Date.now();
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected) location.reload(); // signed out meanwhile
    if (!response.ok) throw new TypeError(`the page answered ${response.status}`);
    exchange(new DOMParser().parseFromString(await response.text(), "text/html"));
    say("Live");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    say("Reconnecting", true);
  } finally {
    fetching = false;
    if (again) soon();
  }
}

function exchange(next) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = next.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!fresh) continue;
    country(fresh);
    if (part.outerHTML === fresh.outerHTML) continue;
    const held = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    if (part.querySelector(":scope > [data-key]") && fresh.querySelector(":scope > [data-key]")) rows(part, fresh);
    else part.replaceChildren(...document.adoptNode(fresh).childNodes);
    if (held) part.querySelector(`[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }
}

/** The rows of `fresh` in its order; those that say the same stay as they are, new ones light up. */
function rows(part, fresh) {
  const known = new Map([...part.children].map((row) => [row.dataset.key, row]));
  const wanted = [...fresh.children].map((row) => {
    const old = known.get(row.dataset.key);
    if (old && old.innerHTML === row.innerHTML) return old;
    const made = document.adoptNode(row);
    if (!old) made.classList.add("fresh");
    return made;
  });
  part.replaceChildren(...wanted);
}

function listen() {
  stream = new EventSource(`${button.dataset.stream}?seen=${encodeURIComponent(button.dataset.seen)}`);
  stream.addEventListener("changed", (event) => {
    button.dataset.seen = event.lastEventId;
    soon();
  });
  stream.addEventListener("open", () => say("Live"));
  stream.addEventListener("error", () => say("Reconnecting", true));
}

function pause(wanted) {
  paused = wanted;
  button.setAttribute("aria-pressed", String(!paused));
  if (paused) {
    stream.close();
    say("Paused");
  } else {
    listen();
    soon();
  }
}

if (!still) {
  button.hidden = false;
  button.addEventListener("click", () => pause(!paused));
  document.addEventListener("visibilitychange", soon);
  window.addEventListener("pagehide", () => stream.close());
  window.addEventListener("pageshow", (event) => event.persisted && !paused && listen());
  setInterval(soon, MINUTE_MS);
  listen();
}
