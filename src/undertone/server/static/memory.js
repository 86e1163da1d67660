// One memory as a card: what it says, since when, from where, and what one can do with it.

import { patch, post, sentence } from "./api.js";
import { action, h, whenWords } from "./dom.js";
import { timeline } from "./timeline.js";

export const KINDS = { fact: "Fact", preference: "Preference", person: "Person", event: "Event", summary: "Summary", turn: "You said" };
const MADE = {
  rules: "Drawn from your words by fixed rules",
  model: "Drawn from your words by a model",
  person: "You wrote this yourself",
  operator: "Written by the people who run this service",
};
const PRIVACY = { normal: "Normal", private: "Private", special: "Very private" };

const day = (iso) => new Date(iso).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });

/** A card. `host`: path, readonly, names (personas by id), changed(words, change), selected(memory, yes), redraw(). */
export function card(memory, host) {
  const item = h("li", { class: `memory ${memory.state}`, id: `memory-${memory.id}`, "data-kind": memory.kind });
  draw(item, memory, host);
  return item;
}

function draw(item, memory, host) {
  item.classList.toggle("pinned", memory.pinned);
  const more = h("div", { class: "memory-more", hidden: true });
  const foot = memory.state === "forgotten" ? forgotten(memory, host) : actions(item, memory, host, more);
  item.replaceChildren(
    h("div", { class: "memory-head" }, host.selected && mergeable(memory) ? pick(memory, host) : "", h("p", { class: "memory-text" }, memory.text)),
    h("div", { class: "memory-foot" }, h("p", { class: "memory-line" }, ...line(memory, host)), h("div", { class: "memory-actions" }, ...foot)),
    more,
  );
}

const mergeable = (memory) => memory.kind !== "turn" && memory.state === "current";

/** Kind, day and place in one quiet line. */
function line(memory, host) {
  const kind = memory.kind === "turn" ? null : h("span", { class: `kind kind-${memory.kind}` }, KINDS[memory.kind]);
  const since = memory.kind === "turn" ? whenWords(memory.created_at) : validity(memory);
  const place = memory.places[0];
  const name = host.names?.[memory.persona];
  const words = name ? `told to ${name}` : place && !host.readonly ? "in the conversation" : "";
  const told = place && !host.readonly ? h("a", { href: place.href, title: "Go to the place in the conversation" }, words) : h("span", {}, words);
  return [kind, h("span", {}, since), words ? told : null].filter(Boolean);
}

function validity(memory) {
  if (memory.state === "past") return `${day(memory.valid_from)} to ${day(memory.valid_to)}`;
  return `since ${day(memory.valid_from)}`;
}

function actions(item, memory, host, more) {
  const toggle = action("details", "More", () => {
    more.hidden = !more.hidden;
    toggle.setAttribute("aria-expanded", String(!more.hidden));
    if (!more.hidden && !more.childElementCount) more.replaceChildren(...details(item, memory, host));
  }, { quiet: true, "aria-expanded": "false" });
  if (host.readonly) return [toggle];
  return [
    mergeable(memory) ? pin(item, memory, host) : null,
    memory.state === "current" ? action("edit", "Correct", () => edit(item, memory, host), { quiet: true }) : null,
    action("forget", "Forget", () => forget(item, memory, host), { quiet: true }),
    toggle,
  ].filter(Boolean);
}

const pin = (item, memory, host) =>
  action("pin", memory.pinned ? "Unpin" : "Pin", () => change(item, memory, host, { pinned: !memory.pinned }, memory.pinned ? "Unpinned." : "Pinned."), {
    quiet: true,
    "aria-pressed": String(memory.pinned),
  });

/** Chosen to be merged; seen only while one merges. */
function pick(memory, host) {
  const box = h("input", { type: "checkbox", class: "pick", "aria-label": "Select to merge", onchange: () => host.selected(memory, box.checked) });
  return box;
}

function forgotten(memory, host) {
  const until = new Date(memory.deleted_after).toLocaleString(undefined, { weekday: "long", hour: "2-digit", minute: "2-digit" });
  const words = h("span", { class: "quiet" }, `Deleted for good after ${until}`);
  return host.readonly ? [words] : [words, action("undo", "Take back", () => host.undo({ memory: memory.id }))];
}

/** Everything that is known of it. */
function details(item, memory, host) {
  const rows = [
    ["Why it is here", memory.kind === "turn" ? "You said it, word for word" : MADE[memory.made_by] ?? memory.made_by],
    memory.confidence === null ? null : ["How sure", `${Math.round(memory.confidence * 100)} %`],
    ["Kept", day(memory.created_at)],
    memory.valid_to ? ["True", validity(memory)] : null,
    ["Used", memory.use_count ? `${memory.use_count === 1 ? "once" : `${memory.use_count} times`}, last ${whenWords(memory.last_used_at)}` : "not yet"],
    memory.tier === "cold" ? ["At hand", "Set aside; comes back when you ask for it"] : null,
    memory.kind === "turn" ? null : ["Privacy", privacy(item, memory, host)],
  ].filter(Boolean);
  const sources = memory.kind === "turn" ? [] : memory.places;
  const gone = memory.kind === "turn" ? 0 : memory.sources.length - sources.length;
  return [
    h("dl", { class: "facts" }, ...rows.flatMap(([title, words]) => [h("dt", {}, title), h("dd", {}, words)])),
    sources.length ? h("h4", {}, "From") : null,
    ...sources.map((place) => h("blockquote", {}, place.text, h("footer", {}, host.readonly ? day(place.at) : h("a", { href: place.href }, day(place.at))))),
    gone ? h("p", { class: "quiet" }, `${gone === 1 ? "One message" : `${gone} messages`} it came from ${gone === 1 ? "is" : "are"} no longer there.`) : null,
    h("h4", {}, "History"),
    timeline(`${host.path}/${memory.id}/history`, host),
  ].filter(Boolean);
}

function privacy(item, memory, host) {
  if (host.readonly || memory.state !== "current") return PRIVACY[memory.sensitivity];
  const select = h(
    "select",
    { "aria-label": "Privacy", onchange: () => change(item, memory, host, { sensitivity: select.value }, "Saved.") },
    ...Object.entries(PRIVACY).map(([value, words]) => h("option", { value }, words)),
  );
  select.value = memory.sensitivity;
  return select;
}

/** Change it on the server, and draw what came of it. */
async function change(item, memory, host, fields, words) {
  try {
    const { change: id, ...fresh } = await patch(`${host.path}/${memory.id}`, fields);
    draw(item, fresh, host);
    if (id) host.changed(words, id);
  } catch (error) {
    trouble(item, error);
  }
}

function edit(item, memory, host) {
  const field = h("textarea", { rows: 3, maxlength: 8000, "aria-label": "Corrected text" });
  field.value = memory.text;
  const close = () => {
    draw(item, memory, host);
    item.querySelector("[aria-label='Correct']")?.focus();
  };
  const save = () => field.value.trim() && change(item, memory, host, { text: field.value.trim() }, "Corrected.");
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
  });
  item.replaceChildren(
    field,
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: close }, "Cancel"),
      h("button", { type: "button", class: "button primary", onclick: save }, "Save"),
    ),
  );
  field.focus();
}

/** What was drawn from words lives on in the words: say so, and let them go too. */
function forget(item, memory, host) {
  const drawn = memory.kind !== "turn" && memory.places.length > 0;
  const sources = h("input", { type: "checkbox" });
  sources.checked = true;
  const also = drawn ? h("label", { class: "also" }, sources, `Also what you said, with its reply`) : null;
  const sure = async () => {
    try {
      const done = await post(`${host.path}/${memory.id}/forget`, { sources: drawn && sources.checked });
      host.gone(item, done);
    } catch (error) {
      draw(item, memory, host);
      trouble(item, error);
    }
  };
  const yes = h("button", { type: "button", class: "button danger", onclick: sure }, "Forget");
  const keep = () => {
    draw(item, memory, host);
    item.querySelector("[aria-label='Forget']")?.focus();
  };
  item.replaceChildren(
    h("p", { class: "memory-text" }, memory.text),
    also ?? h("p", { class: "quiet" }, memory.kind === "turn" ? "With the reply to it, and what was drawn from it." : "It goes at once; for a day you can take that back."),
    h("p", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: keep }, "Keep"), yes),
  );
  yes.focus();
}

function trouble(item, error) {
  item.querySelector(".trouble")?.remove();
  item.append(h("p", { class: "trouble", role: "alert" }, sentence(error)));
}
