// "What I remember": the drawer beside the chat. The whole of it, with search and merging, is a page of its own.

import { get, post, Problem, sentence } from "./api.js";
import { announce, h } from "./dom.js";
import { open } from "./drawer.js";
import { card } from "./memory.js";
import { toast } from "./toast.js";

const PATH = "/v1/users/me/memories";
const SHOWN = 60;

/** Open the drawer. `allowed` says whether memory is agreed to. */
export async function showMemories(allowed) {
  const fill = open("What I remember");
  fill(h("p", { class: "quiet" }, "Looking it up…"));
  const off = allowed ? null : h("p", { class: "callout" }, "Memory is off: nothing here is used in replies. ", h("a", { href: "/me" }, "Change that"));
  const all = h("p", { class: "all" }, h("a", { href: "/me/memories" }, "Search, merge and see all of it"));
  try {
    const found = await get(`${PATH}?limit=${SHOWN}`);
    fill(off, all, found.length ? list(found, () => showMemories(allowed)) : nothing());
  } catch (error) {
    fill(off, error instanceof Problem && error.status === 404 ? nothing() : h("p", { class: "trouble" }, sentence(error)));
  }
}

const nothing = () => h("p", { class: "quiet" }, "Nothing yet. What you say in conversations will stand here, and you can correct or forget each line.");

function list(found, again) {
  const undo = async (change) => {
    try {
      await post(`${PATH}/undo`, change);
      announce("Taken back.");
      await again();
    } catch (error) {
      toast(sentence(error));
    }
  };
  const host = {
    path: PATH,
    readonly: false,
    undo,
    changed: (words, change) => toast(words, () => undo({ change })),
    gone(item, { change, memories }) {
      for (const id of memories) document.getElementById(`memory-${id}`)?.remove();
      item.remove();
      toast("Forgotten.", () => undo({ change }));
    },
  };
  return h("ul", { class: "memory-list" }, ...found.map((memory) => card(memory, host)));
}
