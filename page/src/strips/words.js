// Find the lead names on a flat page: pieces of ink of a word's size (`ekg/strips/words.py`).

import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { classifyNames, NAMES } from "./names.js";
import { largest, median, rint } from "./numeric/arrays.js";
import { boxesOf, labelled } from "./numeric/shapes.js";
import { STROKE, strokesOf } from "./rows.js";

const {
  _LETTER: LETTER, _WIDEST: WIDEST, _GAP: GAP, _MOST: MOST, _LIKE: LIKE, _WORDY: WORDY,
} = constants.words;
const OTHER = NAMES.indexOf("other");

/** A piece of ink that may be a lead's name; pixels of the flat page. */
class Word {
  constructor(left, right, top, bottom, chances) {
    Object.assign(this, { left, right, top, bottom, chances });
  }

  get middle() {
    return 0.5 * (this.top + this.bottom);
  }

  chance(lead) {
    return this.chances[NAMES.indexOf(lead)];
  }

  /** The largest chance of being any lead's name. */
  get surest() {
    return largest(this.chances.subarray(0, this.chances.length - 1));
  }
}

/** The words between two heights that are probably lead names. */
export async function findWords(strength, top, bottom) {
  const first = Math.max(0, rint(top)), last = Math.min(strength.rows, rint(bottom));
  const part = strength.part(first, last);
  const boxes = boxesOf(labelled(strokesOf(part), true))
    .map((box) => [box.left, box.right, box.top, box.bottom])
    .filter(([left, right, y0, y1]) =>
      y1 - y0 >= LETTER[0] * FLAT && y1 - y0 <= LETTER[1] * FLAT && right - left <= WIDEST * FLAT);
  const groups = joined(boxes).slice(0, MOST);
  if (!groups.length) return [];
  const chances = await classifyNames(groups.map(([x, r, t, b]) => part.part(t - 1, b + 1, x - 1, r + 1)));
  return groups.map(([x, r, t, b], k) => new Word(x, r, first + t, first + b, chances[k]))
    .filter((word) => word.chances[OTHER] < 0.9);
}

/** Join letters that stand beside each other. */
export function joined(boxes) {
  const words = [];
  const ordered = [...boxes].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3]);
  for (const box of ordered) {
    const found = words.find((word) => {
      const overlap = Math.min(word[3], box[3]) - Math.max(word[2], box[2]);
      const least = Math.min(word[3] - word[2], box[3] - box[2]);
      const wide = Math.max(word[1], box[1]) - word[0];
      return overlap > 0.5 * least && box[0] - word[1] < GAP * FLAT && wide < WIDEST * FLAT;
    });
    if (found) {
      found[0] = Math.min(found[0], box[0]);
      found[1] = Math.max(found[1], box[1]);
      found[2] = Math.min(found[2], box[2]);
      found[3] = Math.max(found[3], box[3]);
    } else {
      words.push([...box]);
    }
  }
  return words;
}

const close = (one, other) =>
  Math.abs(one[0] - other[0]) < LIKE * FLAT && Math.abs(one[1] - other[1]) < LIKE * FLAT;

/** Where most names stand, from a column's beginning and a row's line; null if under four agree. */
export function usualPlace(words, lines, borders, strength) {
  const offsets = [];
  words.forEach((word, number) => {
    for (const border of borders) {
      for (const line of lines) {
        const [right, down] = [word.left - border, word.middle - line];
        if (right > -9 * FLAT && right < 16 * FLAT && Math.abs(down) < 16 * FLAT) {
          offsets.push([right, down, number]);
        }
      }
    }
  });
  let best = [], most = 0;
  for (const one of offsets) {
    const near = offsets.filter((other) => close(one, other));
    const different = new Set(near.map((other) => other[2])).size;
    if (different > most) [best, most] = [near, different];
  }
  const members = [...new Set(best.map((one) => one[2]))].sort((a, b) => a - b).map((n) => words[n]);
  if (members.length < 4) return null;
  return {
    right: median(best.map((one) => one[0])),
    down: median(best.map((one) => one[1])),
    height: median(members.map((word) => word.bottom - word.top)),
    width: Math.max(...members.map((word) => word.right - word.left)),
    density: median(members.map((word) =>
      filled(strength, word.top, word.bottom, word.left, word.right))),
  };
}

/** Whether a word stands where the page's names stand. */
export function standsAt(word, place, lines, borders) {
  return borders.some((border) => lines.some((line) =>
    close([word.left - border, word.middle - line], [place.right, place.down])));
}

/** Where names should stand, none was found and as much ink is: a trace touches them. */
export function missingBoxes(words, place, lines, borders, strength) {
  const boxes = [];
  for (const line of lines) {
    for (const border of borders) {
      const x = border + place.right, y = line + place.down;
      if (words.some((word) => close([word.left - x, word.middle - y], [0, 0]))) continue;
      const top = rint(y - 0.5 * place.height) - 1, left = rint(x) - 1;
      const bottom = top + rint(place.height) + 2;
      const second = left + rint(1.6 * place.height) + 2, third = left + rint(place.width) + 2;
      const enough = (from, to) =>
        filled(strength, Math.max(0, top), bottom, Math.max(0, from), to) > WORDY * place.density;
      if (enough(left, second)) {
        boxes.push({
          top: Math.max(0, top), bottom, left: Math.max(0, left), right: enough(second, third) ? third : second,
        });
      }
    }
  }
  return boxes;
}

/** The share of a part that is ink. */
function filled(strength, top, bottom, left, right) {
  const part = strength.part(top, bottom, left, right).data;
  return part.length ? part.reduce((count, value) => count + (value > STROKE), 0) / part.length : 0;
}
