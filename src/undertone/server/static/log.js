// The conversation as it stands on the page: bubbles, and what can be done with each reply.

import { asides, origin } from "./asides.js";
import { askSuggestion, edit } from "./craft.js";
import { $, action, avatar, h, whenWords } from "./dom.js";
import { prose } from "./prose.js";

export class Log {
  #list = $("log");
  #scroll = $("scroll");
  #toEnd = $("to-end");
  #handlers;
  #persona = null;
  #pinned = true;

  /** `handlers`: why(turn), again(reply), more(turn), report(turn), reword(item, turn, text). */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#scroll.addEventListener("scroll", () => this.#watch(), { passive: true });
    this.#toEnd.addEventListener("click", () => this.toEnd(true));
    new ResizeObserver(() => this.#pinned && this.toEnd()).observe(this.#scroll);
  }

  /**
   * Begin a page: the persona, a hello when nothing was said yet, or the messages so far. `reminders`: ids of messages
   * that came because the person asked for them. Returns the newest reply and what it answers.
   */
  show(persona, messages = [], { hello = persona.greeting, reminders = new Set() } = {}) {
    this.#persona = persona;
    this.#list.replaceChildren(this.#hello(persona, hello, messages.length > 0));
    let reply = null;
    let mine = null;
    for (const message of messages) {
      if (message.role === "user") mine = this.mine(message.text, message.created_at, message.turn);
      else {
        if (message.by_human) {
          this.human(message);
          continue;
        }
        reply = this.reply(message.turn);
        reply.done({ text: message.text, turn: message.turn }, { settled: true });
        if (reminders.has(message.id)) reply.element.querySelector(".message-foot").replaceWith(origin());
      }
      (message.role === "user" ? mine : reply.element).dataset.message = message.id;
    }
    this.#latest();
    this.toEnd();
    return { reply, mine };
  }

  /** Take this message and all that stands after it off the page. */
  cutFrom(item) {
    while (item.nextSibling) item.nextSibling.remove();
    item.remove();
  }

  /** Turn to one message, as a memory's link does. */
  find(id) {
    const item = id && this.#list.querySelector(`[data-message="${CSS.escape(id)}"]`);
    if (!item) return;
    this.#pinned = false;
    item.classList.add("found");
    item.scrollIntoView({ block: "center" });
  }

  /** The person's message. */
  mine(text, at = null, turn = null) {
    this.#list.querySelector(".hello")?.classList.add("past");
    const bubble = h("div", { class: "bubble" }, ...prose(text));
    const foot = h("div", { class: "mine-foot" });
    const item = h("li", { class: "message mine", title: at ? whenWords(at) : null }, h("h3", { class: "sr" }, "You"), bubble, foot);
    const reword = () => item.dataset.turn && edit(item, text, (words) => this.#handlers.reword(item, item.dataset.turn, words));
    if (turn) item.dataset.turn = turn;
    foot.append(action("edit", "Change your message", reword, { quiet: true }));
    this.#list.append(item);
    this.toEnd();
    return item;
  }

  /** What a person of the platform's wrote: it never looks like the AI. */
  human(message) {
    const body = h("div", { class: "message-body" }, h("div", { class: "bubble" }, ...prose(message.text)), h("p", { class: "by-human" }, "Written by a person"));
    const item = h("li", { class: "message human", "data-message": message.id }, h("h3", { class: "sr" }, "A person"), body);
    this.#list.append(item);
    this.toEnd();
    return item;
  }

  /** Messages that came without a turn of ours, once each. */
  take(messages) {
    const fresh = messages.filter((one) => one.role === "assistant" && !one.turn && !this.#list.querySelector(`[data-message="${CSS.escape(one.id)}"]`));
    for (const message of fresh) {
      if (message.by_human) this.human(message);
      else {
        const reply = this.reply();
        reply.done({ text: message.text }, { settled: true });
        reply.element.dataset.message = message.id;
      }
    }
    return fresh;
  }

  /** A reply, empty and in the making. */
  reply(turn = null) {
    const item = new Reply(this.#persona, this.#handlers, () => this.#pinned && this.toEnd());
    if (turn) item.turn = turn;
    this.#list.append(item.element);
    this.#latest();
    this.toEnd();
    return item;
  }

  /** Only the newest reply can be written once more. */
  #latest() {
    const replies = this.#list.querySelectorAll(".message.theirs");
    for (const element of replies) element.classList.remove("latest");
    replies[replies.length - 1]?.classList.add("latest");
  }

  toEnd(smooth = false) {
    this.#pinned = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#scroll.scrollTo({ top: this.#scroll.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
    this.#toEnd.hidden = true;
  }

  #watch() {
    const left = this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight;
    this.#pinned = left < 48;
    this.#toEnd.hidden = left < 160;
  }

  #hello(persona, hello, past) {
    return h(
      "li",
      { class: past ? "hello past" : "hello" },
      avatar(persona, "large"),
      h("h3", {}, persona.name),
      h("p", { class: "tagline" }, persona.tagline),
      hello ? h("blockquote", {}, hello) : null,
      h("p", { class: "quiet" }, `${persona.name} is an AI character.`),
    );
  }
}

/** One reply: text that grows, then an end. */
class Reply {
  turn = null;
  text = "";
  #bubble = h("div", { class: "bubble waiting" }, h("span", { class: "dots", "aria-label": "is writing" }, h("i"), h("i"), h("i")));
  #foot = h("div", { class: "message-foot" });
  #beside = h("div", { class: "beside" });
  #handlers;
  #moved;

  constructor(persona, handlers, moved) {
    this.#handlers = handlers;
    this.#moved = moved;
    this.element = h(
      "li",
      { class: "message theirs" },
      h("h3", { class: "sr" }, `${persona.name}, an AI`),
      avatar(persona, "tiny"),
      h("div", { class: "message-body" }, this.#bubble, this.#beside, this.#foot),
    );
  }

  /** Say it all again: the same bubble, empty. */
  restart() {
    this.text = "";
    this.element.classList.remove("failed");
    this.#bubble.className = "bubble waiting";
    this.#bubble.replaceChildren(h("span", { class: "dots" }, h("i"), h("i"), h("i")));
    this.#foot.replaceChildren();
    this.#beside.replaceChildren();
  }

  /** Put the arrows between replies before the other actions; nothing when there is one reply only. */
  alternatives(swipe) {
    this.#foot.querySelector(".swipe")?.remove();
    if (swipe) this.#foot.prepend(swipe);
  }

  add(piece) {
    this.text += piece;
    this.#draw("speaking");
  }

  /** The end as the engine tells it. */
  done(data, { settled = false } = {}) {
    this.turn = data.turn ?? this.turn;
    this.text = data.text ?? this.text;
    this.#draw(settled ? "settled" : "");
    const ours = [data.notice, data.contact, data.break].filter(Boolean).length;
    for (const paragraph of [...this.#bubble.children].slice(0, ours)) paragraph.classList.add("notice");
    this.#foot.replaceChildren();
    this.#beside.replaceChildren(...asides(data));
    if (data.stopped) this.#note("Stopped here.");
    if (this.turn) this.#actions(data.memories?.length ?? 0, !["crisis", "handover"].includes(data.strategy));
  }

  /** It did not come to its end: what was said stays, with the reason. */
  fail(words, retry) {
    this.element.classList.add("failed");
    if (this.text) this.#draw("");
    else {
      this.#bubble.className = "bubble";
      this.#bubble.replaceChildren(h("p", { class: "quiet" }, "No reply came."));
    }
    this.#note(words);
    if (retry) this.#foot.append(action("again", "Try again", retry));
    this.#moved();
  }

  #draw(state) {
    this.#bubble.className = `bubble ${state}`;
    this.#bubble.replaceChildren(...prose(this.text));
    this.#moved();
  }

  #note(words) {
    this.#foot.replaceChildren(h("span", { class: "note" }, words));
  }

  #actions(remembered, repeatable) {
    const { why, again, more, report } = this.#handlers;
    const latest = { class: "action only-latest" };
    const label = remembered ? `Why this reply · ${remembered} remembered` : "Why this reply";
    this.#foot.append(
      action("why", label, () => why(this.turn)),
      repeatable ? action("again", "Another reply", () => again(this), latest) : "",
      repeatable ? action("more", "Go on", () => more(this.turn), latest) : "",
      repeatable ? action("suggest", "Suggest a better reply", () => askSuggestion(this.turn, this.text), { quiet: true }) : "",
      action("report", "Report", () => report(this.turn), { quiet: true }),
    );
    this.#moved();
  }
}
