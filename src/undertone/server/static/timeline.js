// The history of a memory as a small timeline: how it came to be, and each change since.

import { get, sentence } from "./api.js";
import { h } from "./dom.js";

const WORDS = {
  kept: "Kept",
  edited: "Corrected",
  pinned: "Pinned",
  unpinned: "Unpinned",
  merged: "Merged with others",
  forgotten: "Forgotten",
  replaced: "No longer true; replaced",
  ended: "No longer true",
};

/** A list that fills itself from `path`. */
export function timeline(path, host = {}) {
  const list = h("ol", { class: "timeline" }, h("li", { class: "quiet" }, "Looking it up…"));
  (host.get ?? get)(path)
    .then((moments) => list.replaceChildren(...moments.map(moment)))
    .catch((error) => list.replaceChildren(h("li", { class: "trouble" }, sentence(error))));
  return list;
}

function moment(one) {
  const at = new Date(one.at).toLocaleString(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const was = one.was.map((text) => h("p", {}, h("del", {}, text)));
  return h(
    "li",
    { class: one.undone_at ? "undone" : null },
    h("p", { class: "moment" }, WORDS[one.what] ?? one.what, one.undone_at ? " (taken back)" : "", h("time", { datetime: one.at }, at)),
    ...was,
    one.text ? h("p", {}, one.text) : "",
  );
}
