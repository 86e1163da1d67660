// What may come beside a reply: one marked offer, one reminder. Each with its way out in one tap.

import { get, post, put, remove, sentence } from "./api.js";
import { h } from "./dom.js";
import { answer } from "./gate.js";
import { state, toast, trouble } from "./state.js";

/** The elements of `turn.done`'s offer and reminder; [] when there are none. */
export function asides({ offer, reminder }) {
  return [offer && card(offer), reminder && chip(reminder)].filter(Boolean);
}

function card(offer) {
  const off = async () => {
    if (await tried(() => answer("offers", false))) {
      state.consents.offers = "refused";
      box.remove();
      toast("No more offers. You can change that under About you.");
    }
  };
  const box = h(
    "aside",
    { class: "offer", "aria-label": "Paid offer" },
    h("p", { class: "offer-mark" }, offer.mark),
    h("h4", {}, offer.title),
    offer.description ? h("p", {}, offer.description) : null,
    h(
      "p",
      { class: "offer-foot" },
      h("a", { class: "button", href: offer.url, target: "_blank", rel: "noopener noreferrer" }, `Have a look · ${priceWords(offer)}`),
      h("button", { type: "button", class: "action", onclick: off }, "No offers, please"),
    ),
  );
  return box;
}

function priceWords({ price, currency }) {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(Number(price));
  } catch {
    return `${price} ${currency}`;
  }
}

/** "Friday, 5 June, 09:00", on the clock of this browser. */
export const dueWords = (iso) =>
  new Date(iso).toLocaleString(undefined, { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });

export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

function chip(reminder) {
  const box = h("div", { class: "reminder" });
  if (reminder.state === "set") told(box, reminder);
  else asked(box, reminder);
  return box;
}

function told(box, reminder) {
  const off = async () => {
    if (await tried(() => remove(`/v1/reminders/${reminder.id}`))) say(box, "Taken off. Nothing will come.");
  };
  box.replaceChildren(
    h("p", {}, "You will hear about this on ", h("b", {}, dueWords(reminder.due_at)), "."),
    h("button", { type: "button", class: "action", onclick: off }, "Take it off"),
  );
}

function asked(box, reminder) {
  const yes = async () => {
    const worked = await tried(async () => {
      await answer("reminders", true);
      state.consents.reminders = "granted";
      const clock = await get("/v1/users/me/clock");
      if (clock.time_zone === "UTC") await put("/v1/users/me/clock", { ...clock, time_zone: zone() });
      await post(`/v1/reminders/${reminder.id}/accept`);
    });
    if (!worked) return;
    const waiting = await get("/v1/reminders?state=set").catch(() => []);
    told(box, waiting.find((one) => one.id === reminder.id) ?? reminder);
  };
  const no = async () => {
    if (await tried(() => remove(`/v1/reminders/${reminder.id}`))) say(box, "All right, no reminder.");
  };
  box.replaceChildren(
    h("p", {}, "Shall this come back to you on ", h("b", {}, dueWords(reminder.due_at)), "? It would stand here as a message."),
    h(
      "p",
      { class: "reminder-foot" },
      h("button", { type: "button", class: "button", onclick: yes }, "Yes, remind me"),
      h("button", { type: "button", class: "action", onclick: no }, "No, thanks"),
    ),
  );
}

/** Under a reminder that was said: where it comes from, and off with all of them. */
export function origin() {
  const box = h("div", { class: "message-foot reminded" });
  const off = async () => {
    if (!(await tried(() => answer("reminders", false)))) return;
    state.consents.reminders = "refused";
    say(box, "Reminders are off.");
  };
  box.replaceChildren(h("span", { class: "note" }, "A reminder you asked for."), h("button", { type: "button", class: "action", onclick: off }, "Turn reminders off"));
  return box;
}

const say = (box, words) => box.replaceChildren(h("p", { class: "quiet", role: "status" }, words));

async function tried(work) {
  try {
    await work();
    return true;
  } catch (error) {
    trouble(sentence(error));
    return false;
  }
}
