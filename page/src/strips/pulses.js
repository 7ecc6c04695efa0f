// Find calibration pulses: rectangles that are open below, at a row's line
// (`ekg/strips/pulses.py`).

import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { rint, rounded } from "./numeric/arrays.js";
import { maximumAlong } from "./numeric/filters.js";

const {
  _HEIGHTS: HEIGHTS, _WIDTHS: WIDTHS, _FOOT: FOOT, _OUT: OUT, _IN: IN, _CLEAR: CLEAR,
} = constants.pulses;
const NARROWEST = WIDTHS[0], WIDEST = WIDTHS[WIDTHS.length - 1];

/** Millimetres. */
export const heightOf = (pulse) => (pulse.foot - pulse.top) / FLAT;

/** The clearest pulse of each row that has one, beside its line or below it. */
export function findPulses(strength, rows) {
  const found = [];
  rows.forEach((row, number) => {
    const gaps = rows.filter((other) => other !== row).map((other) => Math.abs(other.y - row.y));
    const reach = Math.max(FOOT, rint(0.5 * (gaps.length ? Math.min(...gaps) : 0)));
    let best = null;
    for (const [first, last] of [[row.left - OUT, row.left + IN], [row.right - IN, row.right + OUT]]) {
      const pulse = pulseOf(strength, row, number, reach, first, last);
      if (pulse && (!best || pulse.clarity > best.clarity)) best = pulse;
    }
    if (best) found.push(best);
  });
  if (found.length < 2) return found;
  // Pulses stand below each other, and are equally high.
  let [best, most] = [null, -Infinity];
  for (const one of found) {
    const votes = found.reduce((sum, other) => sum + (alike(one, other) ? other.clarity : 0), 0);
    if (votes > most) [best, most] = [one, votes];
  }
  return found.filter((pulse) => alike(best, pulse));
}

const alike = (one, two) =>
  Math.abs(one.left - two.left) < 2 * FLAT && Math.abs(one.right - two.right) < 2 * FLAT &&
  Math.abs(heightOf(one) - heightOf(two)) < 0.08 * heightOf(one);

function pulseOf(strength, row, number, reach, first, last) {
  [first, last] = [Math.max(0, first), Math.min(strength.columns, last)];
  if (last - first < NARROWEST + 8) return null;
  const part = strength.part(0, strength.rows, first, last);
  const width = part.columns;
  const wide = maximumAlong(part, 3, 1);
  // Sums from the top down to each row, a row of zeros first.
  const sums = new Float64Array((part.rows + 1) * width);
  for (let i = 0; i < wide.data.length; i++) sums[i + width] = sums[i] + wide.data[i];
  const level = maximumAlong(part, 3, 0);
  let best = null;
  for (const millimetres of HEIGHTS) {
    const tallest = rint(1.04 * millimetres * FLAT);
    for (let height = rint(0.96 * millimetres * FLAT); height <= tallest; height++) {
      for (let foot = rint(row.y) - reach; foot <= rint(row.y) + reach; foot += 2) {
        const top = foot - height;
        if (top < 2 || foot >= strength.rows) continue;
        const edge = new Float64Array(width);
        const columns = [];
        for (let x = 0; x < width; x++) {
          edge[x] = (sums[foot * width + x] - sums[top * width + x]) / height;
          if (edge[x] > CLEAR) columns.push(x);
        }
        if (columns.length < 2) continue;
        const ceiling = level.data.subarray(top * width, (top + 1) * width);
        const candidate = between(columns, edge, ceiling, sums, width, top, foot);
        if (candidate && (!best || candidate.clarity > best.clarity + 0.02)) {
          best = {
            row: number, left: first + candidate.left, right: first + candidate.right, top, foot,
            clarity: candidate.clarity,
          };
        }
      }
    }
  }
  return best;
}

/** The clearest pair of edges with a ceiling between them and nothing below it. */
function between(columns, edge, ceiling, sums, width, top, foot) {
  const quarter = (foot - top) >> 2;
  const along = new Float64Array(width + 1), inner = new Float64Array(width + 1);
  // Its sides end at its foot: the upper half of a pulse is none.
  const last = Math.min(foot + 10, sums.length / width - 1), first = Math.min(foot + 4, last);
  for (let x = 0; x < width; x++) {
    along[x + 1] = along[x] + Math.min(ceiling[x], 1);
    inner[x + 1] = inner[x] + sums[(foot - quarter) * width + x] - sums[(top + quarter) * width + x];
  }
  const below = (x) => (sums[last * width + x] - sums[first * width + x]) / 6;
  let best = null;
  for (const left of columns) {
    for (const right of columns) {
      const gap = right - left;
      if (gap < NARROWEST || gap > WIDEST) continue;
      const cover = (along[right + 1] - along[left]) / (gap + 1);
      const inside = (inner[right - 3] - inner[left + 4]) / ((gap - 7) * (foot - top - 2 * quarter));
      const clarity = Math.min(edge[left], edge[right], cover) - inside -
        Math.max(below(left), below(right));
      // Of equally clear ones the leftmost, whatever the last bits say.
      const rank = rounded(clarity, 3);
      if (!best || rank > best.rank) best = { clarity, left, right, rank };
    }
  }
  return best && best.clarity >= CLEAR ? best : null;
}
