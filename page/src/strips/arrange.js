// Tell an image's arrangement of leads from its rows and the names beside them
// (`ekg/strips/arrange.py`).

import rules from "../../assets/rules.js";
import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { layouts } from "./layout.js";
import { NAMES } from "./names.js";
import { mean } from "./numeric/arrays.js";

const {
  _BEFORE: BEFORE, _AFTER: AFTER, _ABOVE: ABOVE, _BELOW: BELOW, _LEAST: LEAST,
} = constants.arrange;

/**
 * The arrangement that the names fit best, null where no layout has so many rows.
 * @returns {{layout, names: string[][], score: number, margin: number, seen: number} | null}
 */
export function arrange(rows, left, right, words, wanted) {
  const found = (wanted ? [wanted] : layouts)
    .filter((layout) => layout.rows.length === rows.length)
    .map((layout) => fit(layout, rows, left, right, words));
  if (!found.length) return null;
  found.sort((a, b) => b.score - a.score);
  return { ...found[0], margin: found.length > 1 ? found[0].score - found[1].score : 9.0 };
}

function fit(layout, rows, left, right, words) {
  const logs = [], names = [];
  let seen = 0, cells = 0;
  layout.rows.forEach((leads, number) => {
    const row = rows[number];
    const width = (right - left) / leads.length;
    if (!(leads.length === 1 && leads[0] === "*")) cells += leads.length;
    names.push(leads.map((lead, column) => {
      const near = nearby(words, row, left + column * width);
      if (lead === "*") {
        const [name, chance] = anyLead(near);
        logs.push(0.5 * Math.log(Math.max(chance, 5 * LEAST)));
        return name;
      }
      const chance = Math.max(0, ...near.map((word) => word.chance(lead)));
      const against = Math.max(0, ...near.map((word) => bestOther(word, lead)));
      if (chance > 0.5) seen++;
      logs.push(Math.log(Math.max(chance, against > 0.6 ? LEAST : 3 * LEAST)));
      return lead;
    }));
  });
  return { layout, names, score: mean(logs), margin: 0, seen: seen / Math.max(cells, 1) };
}

/** The words that may name the lead that begins at `x` in a row. */
const nearby = (words, row, x) => words.filter((word) => {
  const off = word.middle - row.y;
  return word.left > x - BEFORE * FLAT && word.left < x + AFTER * FLAT &&
    off > -ABOVE * FLAT && off < BELOW * FLAT;
});

function anyLead(near) {
  let best = ["?", 0];
  for (const word of near) {
    for (const lead of rules.leads) {
      if (word.chance(lead) > Math.max(best[1], 0.5)) best = [lead, word.chance(lead)];
    }
  }
  return best;
}

const bestOther = (word, lead) => Math.max(...NAMES.map((name, k) =>
  (name === lead || name === "other" ? -Infinity : word.chances[k])));
