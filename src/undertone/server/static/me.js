// The page about the person: consents, place and language, what was read, export, erase.

import { get, patch, remove, sentence } from "./api.js";
import { $, h, whenWords } from "./dom.js";
import { answer } from "./gate.js";
import { showLimits } from "./limits.js";
import { showReminders } from "./reminders.js";
import { capital, moodWords, TYPES, typeWords } from "./words.js";

function trouble(error) {
  $("trouble").textContent = error ? sentence(error) : "";
  $("trouble").hidden = !error;
  if (error) $("trouble").scrollIntoView({ block: "center" });
}

/** Do something with the server; says "Saved." or what went wrong, and returns whether it worked. */
async function saved(work) {
  trouble(null);
  $("saved").textContent = "";
  try {
    await work();
    $("saved").textContent = "Saved.";
    return true;
  } catch (error) {
    trouble(error);
    return false;
  }
}

// ---- consents -------------------------------------------------------------------------------------------------------

function consents(standing) {
  for (const input of $("consents").querySelectorAll("input")) {
    input.checked = standing.consents[input.name] === "granted";
    input.disabled = false;
    input.addEventListener("change", async () => {
      input.disabled = true;
      if (!(await saved(() => answer(input.name, input.checked)))) input.checked = !input.checked;
      input.disabled = false;
      if (input.name === "typing") await reread();
    });
  }
}

// ---- place and language ---------------------------------------------------------------------------------------------

/** Every country this browser can name, by name. */
function countries() {
  const names = new Intl.DisplayNames(undefined, { type: "region", fallback: "none" });
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const found = new Map();
  for (const code of letters.flatMap((a) => letters.map((b) => a + b))) {
    const name = names.of(code);
    if (name && !["EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"].includes(code) && !found.has(name)) found.set(name, code);
  }
  return [...found].sort(([a], [b]) => a.localeCompare(b));
}

function place(standing) {
  const select = $("country");
  select.append(...countries().map(([name, code]) => h("option", { value: code }, name)));
  select.value = standing.country ?? "";
  select.disabled = false;
  select.addEventListener("change", () => saved(() => patch("/v1/users/me", { country: select.value || null })));
}

// ---- what was read --------------------------------------------------------------------------------------------------

async function reread() {
  try {
    profile(await get("/v1/users/me"));
  } catch (error) {
    trouble(error);
  }
}

function profile(standing) {
  $("profile").replaceChildren(...(standing.profile ? reading(standing.profile) : [nothing(standing)]));
}

function nothing(standing) {
  const words = standing.consents.typing === "granted" ? "Nothing was read of you yet." : "You are not read: you have not allowed it.";
  return h("p", { class: "quiet" }, words);
}

function reading(found) {
  const select = h(
    "select",
    { id: "corrected", onchange: () => saved(() => correct(select.value || null)) },
    h("option", { value: "" }, `As read: ${typeWords(found.user_type)}`),
    ...Object.entries(TYPES).map(([label, words]) => h("option", { value: label }, words)),
  );
  select.value = found.corrected ?? "";
  return [
    h(
      "dl",
      { class: "readings" },
      h("dt", {}, h("label", { for: "corrected" }, "Kind of conversation")),
      h("dd", {}, select),
      h("dt", {}, "Usual mood"),
      h("dd", {}, moodWords(found.mood)),
      h("dt", {}, "Attention"),
      h("dd", {}, capital(found.engagement)),
      h("dt", {}, "From"),
      h("dd", {}, `${found.messages} ${found.messages === 1 ? "message" : "messages"}, last ${whenWords(found.updated_at)}`),
    ),
    h("p", { class: "quiet" }, "A guess from how you write. Your own word goes before it. It sets the tone, never a price or an offer."),
    h("p", {}, h("button", { type: "button", class: "button", onclick: forget }, "Delete this reading")),
  ];
}

const correct = (label) => patch("/v1/users/me/profile", { user_type: label });

async function forget() {
  if (await saved(() => remove("/v1/users/me/profile"))) await reread();
}

// ---- the end --------------------------------------------------------------------------------------------------------

function erasing() {
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
      gone(await remove("/v1/users/me"));
    } catch (error) {
      trouble(error);
      button.disabled = false;
    }
  });
}

function gone({ erased }) {
  const rows = Object.values(erased).reduce((sum, count) => sum + count, 0);
  const words = `${rows} rows were deleted, and you are signed out. Nothing about you is left here.`;
  document.querySelector("main").replaceChildren(h("h1", { tabindex: "-1" }, "Everything was erased"), h("p", { role: "status" }, words));
  document.querySelector("h1").focus();
}

erasing();
try {
  const standing = await get("/v1/users/me");
  consents(standing);
  place(standing);
  profile(standing);
  await Promise.all([showReminders(saved), showLimits(saved)]);
} catch (error) {
  trouble(error);
}
