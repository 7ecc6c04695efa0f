// Which lead stands where: the usual arrangements (`ekg/strips/layout.py`).

import constants from "./constants.js";

/** Name and rows of leads (`*`: any lead) of each usual arrangement. */
export const layouts = constants.layouts;
const NAMES = constants.layout._NAMES;
const OTHERS = new RegExp(`^(?:${constants.layout._OTHERS})$`);

export const layoutNamed = (name) => layouts.find((layout) => layout.name === name) ?? null;

/** The lead that a word names; `?` for a lead that is not of the twelve, else null. */
export function leadOf(text) {
  const word = text.replace(/[\s\u00a0]+/g, "").replace(/^[.:]+|[.:]+$/g, "").replaceAll("\u2212", "-")
    .toLowerCase().replace(/^(lead|abl\.?)(?=.)/, "");
  if (Object.hasOwn(NAMES, word)) return NAMES[word];
  return OTHERS.test(word) ? "?" : null;
}

/** The name of the arrangement that has these names, `RxC` for any other. */
export function describe(rows) {
  for (const { name, rows: wanted } of layouts) {
    if (wanted.length === rows.length && wanted.every((leads, i) =>
      (leads.length === 1 && leads[0] === "*" && rows[i].length === 1) ||
      (leads.length === rows[i].length && leads.every((lead, k) => lead === rows[i][k])))) return name;
  }
  const widest = Math.max(0, ...rows.map((row) => row.length));
  const full = rows.filter((row) => row.length === widest).length;
  return `${full}x${widest}${rows.length > full ? `+${rows.length - full}` : ""}`;
}
