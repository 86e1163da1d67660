// Text with the little markup that models use: paragraphs, line breaks, *emphasis*, **strong**, `code`. Makes nodes, never HTML.

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

/** Paragraph elements of a text. */
export function prose(text) {
  return text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim())
    .map((paragraph) => {
      const lines = paragraph.trim().split("\n");
      return h("p", {}, ...lines.flatMap((line, at) => (at ? [h("br"), ...inline(line)] : inline(line))));
    });
}
