// Words for what the engine calls by a label.

/** How a person may be read, by the taxonomy's labels, in words one can say to them. */
export const TYPES = {
  MARRIED_GUILTY: "Wants discretion and privacy",
  LONELY_SINGLE: "Looks for warmth and company",
  HORNY_ADDICT: "Comes for intensity; a calmer pace helps",
  CURIOUS_TOURIST: "Is curious and wants clear answers",
};

export const typeWords = (label) => TYPES[label] ?? (label === "undecided" ? "Not decided yet" : capital(label));

export function capital(text) {
  const words = String(text).replaceAll("_", " ");
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** A valence in [-1, 1] as a word. */
export function moodWords(valence) {
  if (valence > 0.3) return "Bright";
  if (valence > 0.05) return "Rather bright";
  if (valence < -0.3) return "Low";
  if (valence < -0.05) return "Rather low";
  return "Even";
}
