// Text with the little markup that models use: paragraphs, line breaks, lists, *emphasis*, **strong**, `code`.
// Makes nodes, never HTML, and no links: a model's word is not enough to send somebody elsewhere.

import { h } from "./dom.js";

const INLINE = /(\*\*[^*\n]+\*\*|\*[^*\s][^*\n]*\*|_[^_\s][^_\n]*_(?!\w)|`[^`\n]+`)/;

function inline(text) {
  return text.split(INLINE).map((part) => {
    if (part.length > 4 && part.startsWith("**") && part.endsWith("**")) return h("strong", {}, part.slice(2, -2));
    if (part.length > 2 && /^([*_]).+\1$/.test(part)) return h("em", {}, part.slice(1, -1));
    if (part.length > 2 && /^`.+`$/.test(part)) return h("code", {}, part.slice(1, -1));
    return part;
  });
}

const BULLET = /^\s*[-•*] +/;

function block(lines) {
  if (BULLET.test(lines[0])) return h("ul", {}, ...lines.map((line) => h("li", {}, ...inline(line.replace(BULLET, "")))));
  return h("p", {}, ...lines.flatMap((line, at) => (at ? [h("br"), ...inline(line)] : inline(line))));
}

/** The elements of a text: a paragraph or a list each. */
export function prose(text) {
  const blocks = [];
  for (const paragraph of text.split(/\n{2,}/)) {
    let run = [];
    for (const line of paragraph.trim().split("\n")) {
      if (run.length && BULLET.test(line) !== BULLET.test(run[0])) {
        blocks.push(run);
        run = [];
      }
      if (line.trim()) run.push(line);
    }
    if (run.length) blocks.push(run);
  }
  return blocks.map(block);
}
