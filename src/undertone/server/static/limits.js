// A person's own limits on the page about them: time, money, breaks, being written to, and time off.

import { get, post, put } from "./api.js";
import { $, h } from "./dom.js";

const MINUTES = [15, 30, 45, 60, 90, 120, 180, 240];
const BREAKS = [20, 30, 45, 60, 90, 120];
const SPANS = [
  ["spend_a_day", "In 24 hours"],
  ["spend_a_week", "In 7 days"],
  ["spend_a_month", "In 30 days"],
];
const CURRENCIES = ["EUR", "USD", "GBP", "CHF", "CAD", "AUD", "BRL", "INR", "JPY", "PLN", "SEK"];
const TIME_OFF = [
  ["cool_down", 24, "A day"],
  ["cool_down", 72, "Three days"],
  ["cool_down", 168, "A week"],
  ["cool_down", 720, "Thirty days"],
  ["self_exclusion", 24 * 182, "Half a year"],
  ["self_exclusion", 24 * 365, "A year"],
  ["self_exclusion", 24 * 1826, "Five years"],
];

let saved;
let limits;

/** Show them; `work` does something with the server and says whether it worked. */
export async function showLimits(work) {
  saved = work;
  limits = await get("/v1/users/me/limits");
  draw();
}

const dayWords = (moment) =>
  new Date(moment).toLocaleString(undefined, { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
const duration = (minutes) => {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const parts = [hours ? `${hours} ${hours === 1 ? "hour" : "hours"}` : "", rest || !hours ? `${rest} ${rest === 1 ? "minute" : "minutes"}` : ""];
  return parts.filter(Boolean).join(" ");
};

function draw() {
  $("limits").replaceChildren(today(), rows(), later(), platforms());
  $("contact").checked = limits.contact;
  $("contact").disabled = false;
  $("contact").onchange = () => change(() => put("/v1/users/me/contact", { allowed: $("contact").checked }));
  $("time-off").replaceChildren(...timeOff());
}

/** Do something with the server that answers with the limits as they stand then. */
async function change(work) {
  let found = null;
  const worked = await saved(async () => {
    found = await work();
  });
  limits = worked ? found : limits;
  draw();
}

/** What is set, with one thing changed; a change that waits stays as it was asked for. */
function wanted(changes) {
  const { later, later_at, ...now } = limits.own;
  return { ...now, ...later, ...changes };
}

const set = (changes) => change(() => put("/v1/users/me/limits", wanted(changes)));

function today() {
  const { minutes_today: used, minutes_a_day: most } = limits;
  const words = most === null ? `${duration(used)} of talking today.` : `${duration(used)} of ${duration(most)} today.`;
  const bar = most === null ? null : h("meter", { min: 0, max: most, value: Math.min(used, most), "aria-label": words });
  return h("div", { class: "today" }, h("p", {}, words), bar);
}

function rows() {
  const asked = wanted({});
  return h(
    "div",
    { class: "limit-rows" },
    row("limit-minutes", "Time a day", "After it the chat is closed until the next day.", choice("limit-minutes", MINUTES, "No limit", asked.minutes_a_day, (n) => set({ minutes_a_day: n }))),
    row("limit-break", "Suggest a break", "One sentence after talking for so long without a pause.", breaks(asked.break_after)),
    row("limit-currency", "Spend at most", "Nothing is offered to you once it is spent, or would be.", currencies(asked)),
    ...SPANS.map(([name, words]) => row(`limit-${name}`, words, null, money(name, asked))),
  );
}

function row(id, name, detail, control) {
  const label = detail ? h("label", { for: id }, h("b", {}, name), h("small", {}, detail)) : h("label", { for: id }, name);
  return h("div", { class: detail ? "limit-row" : "limit-row part" }, label, control);
}

function choice(id, options, none, value, pick) {
  const steps = value && !options.includes(value) ? [...options, value].sort((a, b) => a - b) : options;
  const select = h("select", { id }, h("option", { value: "" }, none), ...steps.map((n) => h("option", { value: n }, duration(n))));
  select.value = value ?? "";
  select.addEventListener("change", () => pick(select.value ? Number(select.value) : null));
  return select;
}

function breaks(value) {
  const select = choice("limit-break", BREAKS, "As usual here", value || null, () => {});
  select.append(h("option", { value: 0 }, "Never"));
  if (value === 0) select.value = 0;
  select.addEventListener("change", () => set({ break_after: select.value === "" ? null : Number(select.value) }));
  return select;
}

function money(name, asked) {
  const input = h("input", { id: `limit-${name}`, type: "number", min: 0, step: "0.01", inputmode: "decimal", placeholder: "none" });
  input.value = asked[name] ?? "";
  input.addEventListener("change", () => {
    if (!input.reportValidity()) return;
    const amount = input.value === "" ? null : input.value;
    const others = SPANS.some(([other]) => other !== name && asked[other] !== null);
    set({ [name]: amount, currency: amount !== null || others ? $("limit-currency").value : null });
  });
  return input;
}

function currencies(asked) {
  const currency = asked.currency ?? CURRENCIES[0];
  const known = CURRENCIES.includes(currency) ? CURRENCIES : [currency, ...CURRENCIES];
  const select = h("select", { id: "limit-currency", "aria-label": "Currency of what you spend at most" }, ...known.map((one) => h("option", { value: one }, one)));
  select.value = currency;
  select.addEventListener("change", () => {
    if (SPANS.some(([name]) => asked[name] !== null)) set({ currency: select.value });
  });
  return select;
}

function later() {
  const { later_at: at } = limits.own;
  if (!at) return "";
  return h("p", { class: "aside-note", role: "status" }, `What you loosened holds from ${dayWords(at)}. Until then the stricter limit stays, so that it is decided in another hour than the one it is for.`);
}

function platforms() {
  const { minutes_a_day: minutes, currency, ...rest } = limits.platform;
  const amounts = SPANS.filter(([name]) => rest[name] !== null).map(([name, words]) => `${rest[name]} ${currency} ${words.toLowerCase()}`);
  const all = [minutes === null ? null : `${duration(minutes)} a day`, ...amounts].filter(Boolean);
  return all.length ? h("p", { class: "quiet" }, `Also set by the platform: ${all.join(", ")}. The stricter of both holds.`) : "";
}

// ---- time off -------------------------------------------------------------------------------------------------------

function timeOff() {
  const until = [limits.cool_down_until, limits.excluded_until].filter(Boolean).sort().pop();
  const select = h("select", { "aria-label": "How long" }, ...TIME_OFF.map(([, , words], at) => h("option", { value: at }, words)));
  const button = h("button", { type: "button", class: "button", onclick: () => sure(TIME_OFF[select.value]) }, until ? "Make it longer" : "Take time off");
  const closed = until ? h("p", { class: "closed-note", role: "status" }, `The chat is closed to you until ${dayWords(until)}. Help at any hour: findahelpline.com.`) : "";
  return [closed, h("div", { class: "time-off" }, select, button)];
}

function sure([kind, hours, words]) {
  const end = new Date(Date.now() + hours * 36e5);
  const yes = h("button", { type: "button", class: "button danger", onclick: () => change(() => post("/v1/users/me/time-off", { kind, hours })) }, "Close the chat to me");
  const no = h("button", { type: "button", class: "button", onclick: draw }, "Not now");
  const text = `${words}: until ${dayWords(end)} nobody here answers you, in any window, and no reminder comes. It can be made longer, but nobody can shorten it, us included.`;
  $("time-off").replaceChildren(h("div", { class: "sure", role: "group", "aria-label": "Are you sure?" }, h("p", {}, text), h("div", {}, yes, no)));
  no.focus();
}
