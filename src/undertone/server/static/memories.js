// What is remembered: search, filters, the list page by page, adding, merging, taking back.

import { post, Problem, send, sentence } from "./api.js";
import { $, announce, closable, h } from "./dom.js";
import { card, KINDS } from "./memory.js";
import { toast } from "./toast.js";

const page = $("memories-page");
const operator = page.dataset.operator !== undefined;
const whose = encodeURIComponent(page.dataset.whose);
const path = operator ? `/v1/admin/users/${whose}/memories` : "/v1/users/me/memories";
const GROUPS = [
  ["Pinned", (memory) => memory.pinned && memory.state === "current"],
  ["Kept", (memory) => memory.kind !== "turn"],
  ["In your own words", () => true],
];
const CHIPS = { "": "All", fact: "Facts", preference: "Preferences", person: "People", event: "Events", turn: "Your words" };
const STATES = { current: "True now", past: "No longer true", forgotten: "Forgotten" };
const wanted = { q: "", kind: "", state: "current" };
const headers = {};
let next = null;
let asked = 0;
let picked = new Map();

const host = {
  path,
  readonly: operator,
  names: {},
  get: async (address) => (await send("GET", address, undefined, headers)).json(),
  changed: (words, id) => told(words, { change: id }),
  undo,
  selected: pick,
  gone(item, { change, memories }) {
    for (const id of memories) $(`memory-${id}`)?.remove();
    item.remove();
    tidy();
    const words = memories.length > 1 ? `Forgotten, with ${memories.length - 1} that belong${memories.length === 2 ? "s" : ""} to it.` : "Forgotten.";
    told(words, { change });
  },
};

function told(words, change) {
  toast(words, () => undo(change));
}

function trouble(error) {
  $("trouble").textContent = error ? sentence(error) : "";
  $("trouble").hidden = !error;
}

// ---- the list -------------------------------------------------------------------------------------------------------

/** Read the first page anew, or the next one. */
async function read(address = null) {
  const mine = ++asked;
  trouble(null);
  const query = new URLSearchParams({ limit: 40, ...Object.fromEntries(Object.entries(wanted).filter(([, value]) => value)) });
  try {
    const answer = await send("GET", address ?? `${path}?${query}`, undefined, headers);
    const found = await answer.json();
    if (mine !== asked) return;
    next = answer.headers.get("Link")?.match(/<([^>]+)>; rel="next"/)?.[1] ?? null;
    if (!address) $("groups").replaceChildren();
    show(found);
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof Problem && error.status === 404 && !operator) show([]);
    else trouble(error);
  }
}

function show(found) {
  for (const memory of found) group(GROUPS.find(([, fits]) => fits(memory))[0]).append(card(memory, host));
  tidy();
}

function group(title) {
  const known = [...$("groups").querySelectorAll("section")].find((section) => section.dataset.title === title);
  if (known) return known.querySelector("ul");
  const list = h("ul", { class: "memory-list" });
  $("groups").append(h("section", { "data-title": title, "aria-label": title }, h("h2", {}, title), list));
  return list;
}

/** Say how many there are, and drop what is empty. */
function tidy() {
  for (const section of $("groups").querySelectorAll("section")) if (!section.querySelector("li.memory")) section.remove();
  const count = $("groups").querySelectorAll("li.memory").length;
  $("count").textContent = count ? `${count}${next ? " and more" : count === 1 ? " memory" : " memories"}` : "";
  $("more").hidden = !next;
  $("groups").querySelector(".nothing")?.remove();
  if (!count) $("groups").append(h("p", { class: "nothing" }, nothing()));
}

function nothing() {
  if (wanted.q) return `Nothing was found for “${wanted.q}”.`;
  if (wanted.state === "forgotten") return "Nothing waits to be deleted.";
  if (wanted.state === "past") return "Nothing that is no longer true.";
  return wanted.kind ? "Nothing of this kind yet." : "Nothing yet. What is said in conversations will stand here.";
}

// ---- search and filters ---------------------------------------------------------------------------------------------

function chips(element, choices, name) {
  const buttons = Object.entries(choices).map(([value, words]) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(wanted[name] === value), onclick: (event) => press(event.currentTarget, value) }, words),
  );
  function press(button, value) {
    wanted[name] = value;
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    clear();
    read();
  }
  element.replaceChildren(...buttons);
}

let typing = 0;
$("q").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    wanted.q = $("q").value.trim();
    clear();
    read();
  }, 200);
});
$("more").addEventListener("click", () => read(next));

// ---- changes --------------------------------------------------------------------------------------------------------

async function undo(change = {}) {
  trouble(null);
  try {
    const { what, memories } = await post(`${path}/undo`, change);
    const words = { edit: "The correction was taken back.", pin: "Unpinned again.", unpin: "Pinned again.", forget: "It is back.", merge: "They are apart again." };
    announce(words[what] ?? "Taken back.");
    toast(words[what] ?? "Taken back.");
    await read();
    for (const memory of memories) $(`memory-${memory.id}`)?.classList.add("fresh");
    $(`memory-${memories[0]?.id}`)?.scrollIntoView({ block: "center" });
  } catch (error) {
    if (error instanceof Problem && error.status === 409) toast(sentence(error));
    else trouble(error);
  }
}

function pick(memory, yes) {
  if (yes) picked.set(memory.id, memory);
  else picked.delete(memory.id);
  $("merging-open").disabled = picked.size < 2;
  $("merging-count").textContent = picked.size ? `${picked.size} selected` : "Select what is one and the same";
}

/** Begin or end choosing what to merge. */
function choosing(yes) {
  picked = new Map();
  page.classList.toggle("choosing", yes);
  $("merging").hidden = !yes;
  $("choose").setAttribute("aria-pressed", String(yes));
  for (const box of $("groups").querySelectorAll(".pick")) box.checked = false;
  pick({}, false);
}

const clear = () => operator || choosing(false);

function merging() {
  const dialog = $("merge");
  closable(dialog);
  $("choose").addEventListener("click", () => choosing($("merging").hidden));
  $("merging-clear").addEventListener("click", clear);
  $("merging-open").addEventListener("click", () => {
    const chosen = [...picked.values()];
    $("merge-list").replaceChildren(...chosen.map((memory) => h("li", {}, h("button", { type: "button", onclick: () => ($("merge-text").value = memory.text) }, memory.text))));
    $("merge-text").value = chosen.reduce((longest, one) => (one.text.length > longest.length ? one.text : longest), "");
    dialog.showModal();
    $("merge-text").focus();
  });
  $("merge-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    dialog.close();
    try {
      const merged = await post(`${path}/merge`, { memories: [...picked.keys()], text: $("merge-text").value.trim() });
      clear();
      await read();
      $(`memory-${merged.id}`)?.classList.add("fresh");
      told("Merged into one.", { change: merged.change });
    } catch (error) {
      trouble(error);
    }
  });
}

function adding(personas) {
  const form = $("adding");
  $("added-persona").replaceChildren(...personas.map((persona) => h("option", { value: persona.id }, persona.name)));
  const toggle = (open) => {
    form.hidden = !open;
    $("add").setAttribute("aria-expanded", String(open));
    (open ? $("added") : $("add")).focus();
  };
  $("add").addEventListener("click", () => toggle(form.hidden));
  form.querySelector("[data-cancel]").addEventListener("click", () => toggle(false));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble(null);
    try {
      const made = await post(path, { text: $("added").value.trim(), kind: $("added-kind").value, persona: $("added-persona").value });
      form.reset();
      toggle(false);
      await read();
      $(`memory-${made.id}`)?.classList.add("fresh");
      toast(`Remembered as a ${KINDS[made.kind].toLowerCase()}.`);
    } catch (error) {
      trouble(error);
    }
  });
}

// ---- the start ------------------------------------------------------------------------------------------------------

async function start() {
  chips($("kinds"), CHIPS, "kind");
  chips($("states"), STATES, "state");
  if (operator) {
    $("key").addEventListener("submit", (event) => {
      event.preventDefault();
      headers.Authorization = `Bearer ${$("key-field").value.trim()}`;
      $("key-field").value = "";
      $("inspector").hidden = false;
      read();
    });
    return;
  }
  merging();
  $("undo").addEventListener("click", () => undo());
  try {
    const personas = await host.get("/v1/personas");
    if (personas.length > 1) host.names = Object.fromEntries(personas.map((persona) => [persona.id, persona.name]));
    adding(personas);
  } catch (error) {
    trouble(error);
  }
  await read();
}

start();
