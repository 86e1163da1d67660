// Reminders on the page about the person: what waits, off with one tap, and the hours in which nothing comes.

import { get, put, remove } from "./api.js";
import { dueWords, zone } from "./asides.js";
import { $, h } from "./dom.js";

const hour = (n) => `${String(n).padStart(2, "0")}:00`;

/** Show them; `saved(work)` does something with the server and says whether it worked. */
export async function showReminders(saved) {
  const [waiting, clock] = await Promise.all([get("/v1/reminders?state=set"), get("/v1/users/me/clock")]);
  draw(waiting, saved);
  quiet(clock, saved);
}

function draw(waiting, saved) {
  const row = (one) => {
    const off = async () => {
      if (await saved(() => remove(`/v1/reminders/${one.id}`))) draw(waiting.filter((other) => other !== one), saved);
    };
    return h(
      "li",
      {},
      h("span", {}, `“${one.words}”`, h("small", {}, dueWords(one.due_at))),
      h("button", { type: "button", class: "button", onclick: off, "aria-label": `Take off: ${one.words}` }, "Take off"),
    );
  };
  const none = h("p", { class: "quiet" }, "None waits. Say “wish me luck on Friday” in a chat, and one is set or you are asked.");
  $("reminders").replaceChildren(waiting.length ? h("ul", { class: "waiting-reminders" }, ...waiting.map(row)) : none);
}

function quiet(clock, saved) {
  $("clock-zone").textContent = clock.time_zone === "UTC" ? zone() : clock.time_zone;
  for (const [id, field] of [["quiet-from", "quiet_from"], ["quiet-to", "quiet_to"]]) {
    const select = $(id);
    select.append(...Array.from({ length: 24 }, (_, n) => h("option", { value: n }, hour(n))));
    select.value = clock[field];
    select.disabled = false;
    select.addEventListener("change", () => {
      clock[field] = Number(select.value);
      if (clock.time_zone === "UTC") clock.time_zone = zone();
      saved(() => put("/v1/users/me/clock", clock));
    });
  }
}
