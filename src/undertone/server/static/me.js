// The page about the person: consents, what was read, export, erase.

import { get, Problem, remove, sentence } from "./api.js";
import { $, h } from "./dom.js";
import { answer } from "./gate.js";

const switches = $("consents").querySelectorAll("input");

function trouble(error) {
  $("trouble").textContent = error ? sentence(error) : "";
  $("trouble").hidden = !error;
}

async function consents() {
  const standing = await get("/v1/users/me");
  for (const input of switches) {
    input.checked = standing.consents[input.name] === "granted";
    input.disabled = false;
    input.addEventListener("change", () => save(input));
  }
}

async function save(input) {
  trouble(null);
  input.disabled = true;
  try {
    await answer(input.name, input.checked);
    $("saved").textContent = "Saved.";
  } catch (error) {
    input.checked = !input.checked;
    trouble(error);
  }
  input.disabled = false;
}

async function profile() {
  try {
    const found = await get("/v1/users/me/profile");
    $("profile").replaceChildren(draw(found));
  } catch (error) {
    const missing = error instanceof Problem && error.status === 404;
    $("profile").replaceChildren(h("p", { class: "quiet" }, missing ? "Nothing was read of you, or this server does not show it yet. The file below holds all there is." : sentence(error)));
  }
}

function draw(found) {
  const rows = Object.entries(found).filter(([, value]) => value !== null && typeof value !== "object");
  if (!rows.length) return h("p", { class: "quiet" }, "Nothing was read of you yet.");
  return h("dl", { class: "readings" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, String(value))]));
}

const form = $("erase");
const button = form.querySelector("button");
const sure = () => form.elements.word.value.trim().toLowerCase() === "erase";
form.addEventListener("input", () => {
  button.disabled = !sure();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!sure()) return;
  button.disabled = true;
  try {
    const { erased } = await remove("/v1/users/me");
    const rows = Object.values(erased).reduce((sum, count) => sum + count, 0);
    document.querySelector("main").replaceChildren(h("h1", {}, "Everything was erased"), h("p", { role: "status" }, `${rows} rows were deleted, and you are signed out.`));
  } catch (error) {
    trouble(error);
    button.disabled = false;
  }
});

try {
  await consents();
} catch (error) {
  trouble(error);
}
await profile();
