// "What I remember": everything kept of the person, to see, correct, pin and forget.

import { get, patch, Problem, remove, sentence } from "./api.js";
import { action, announce, h, whenWords } from "./dom.js";
import { open } from "./drawer.js";

const PATH = "/v1/users/me/memories";
const KINDS = { turn: "You said", fact: "Fact", preference: "Preference", person: "Person", event: "Event", summary: "Summary" };

/** Open the drawer. `allowed` says whether memory is agreed to. */
export async function showMemories(allowed) {
  const fill = open("What I remember");
  fill(h("p", { class: "quiet" }, "Looking it up…"));
  const off = allowed ? null : h("p", { class: "callout" }, "Memory is off: nothing here is used in replies. ", h("a", { href: "/me" }, "Change that"));
  try {
    const found = await get(PATH);
    fill(off, found.length ? list(found) : nothing());
  } catch (error) {
    fill(off, h("p", { class: "quiet" }, error instanceof Problem && error.status === 404 ? "This server does not show memories yet." : sentence(error)));
  }
}

const nothing = () => h("p", { class: "quiet" }, "Nothing yet. What you say in conversations will stand here, and you can correct or forget each line.");

const list = (found) => h("ul", { class: "memories" }, ...found.map(row));

function row(memory) {
  const item = h("li", {});
  draw(item, memory);
  return item;
}

/** What was said word for word cannot be pinned; what was drawn from it can. */
function pin(item, memory) {
  if (memory.kind === "turn") return null;
  const press = () => change(item, memory, { pinned: !memory.pinned });
  return action("pin", memory.pinned ? "Unpin" : "Pin", press, { quiet: true, "aria-pressed": String(memory.pinned) });
}

function draw(item, memory) {
  item.replaceChildren(
    h("p", { class: "memory-text" }, memory.text),
    h(
      "div",
      { class: "memory-foot" },
      h("span", { class: "quiet" }, `${KINDS[memory.kind] ?? memory.kind} · ${whenWords(memory.created_at)}`),
      pin(item, memory) ?? "",
      action("edit", "Correct", () => edit(item, memory), { quiet: true }),
      action("forget", "Forget", () => forget(item, memory), { quiet: true }),
    ),
  );
}

function edit(item, memory) {
  const field = h("textarea", { rows: 3, "aria-label": "Corrected text" });
  field.value = memory.text;
  const save = () => field.value.trim() && change(item, memory, { text: field.value.trim() });
  item.replaceChildren(
    field,
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: () => draw(item, memory) }, "Cancel"),
      h("button", { type: "button", class: "button primary", onclick: save }, "Save"),
    ),
  );
  field.focus();
}

async function change(item, memory, fields) {
  try {
    await patch(`${PATH}/${memory.id}`, fields);
    draw(item, { ...memory, ...fields });
    announce("Saved.");
  } catch (error) {
    trouble(item, error);
  }
}

function forget(item, memory) {
  const sure = async () => {
    try {
      await remove(`${PATH}/${memory.id}`);
      item.remove();
      announce("Forgotten.");
    } catch (error) {
      draw(item, memory);
      trouble(item, error);
    }
  };
  const yes = h("button", { type: "button", class: "button danger", onclick: sure }, "Forget for good");
  item.replaceChildren(
    h("p", { class: "memory-text" }, memory.text),
    h("p", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: () => draw(item, memory) }, "Keep"), yes),
  );
  yes.focus();
}

function trouble(item, error) {
  item.querySelector(".trouble")?.remove();
  item.append(h("p", { class: "trouble", role: "alert" }, sentence(error)));
}
