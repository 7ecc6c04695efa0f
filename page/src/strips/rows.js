// Find the rows of traces on a flat page, and what stands across them (`ekg/strips/rows.py`).

import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { argmax, argmin, clip, largest, mean, median, Plane, quantile, rint } from "./numeric/arrays.js";
import { maximumAlong, minimumAlong, uniformAlong, uniformLine } from "./numeric/filters.js";
import { asLine, boxesOf, closedLine, labelled, sumsOf } from "./numeric/shapes.js";

export const { STROKE } = constants.rows;
const { _BIN: BIN, _REACH: REACH, _APART: APART, _SPECK: SPECK } = constants.rows;

export const strokesOf = (strength, limit = STROKE) =>
  strength.map((value) => (value > limit ? 1 : 0), Uint8Array);

/** The strokes without small spots. */
export function withoutSpecks(strength) {
  const parts = labelled(strokesOf(strength), true);
  const small = [0, ...boxesOf(parts).map(({ top, bottom, left, right }) =>
    (bottom - top < SPECK && right - left < SPECK ? 1 : 0))];
  return strength.map((value, i) => (small[parts.labels.data[i]] ? 0 : value));
}

/** Left, right, top and bottom of thick upright bars, as stand between columns. */
export function barsOf(strength, pen) {
  const width = Math.max(3, rint(Math.max(0.55 * FLAT, 1.5 * pen)));
  const height = rint(4.5 * FLAT);
  const solid = minimumAlong(minimumAlong(strokesOf(strength, 0.5), width, 1), height, 0);
  return boxesOf(labelled(solid, true)).map((box) => [
    box.left - (width >> 1), box.right + ((width - 1) >> 1),
    box.top - (height >> 1), box.bottom + ((height - 1) >> 1),
  ]).filter(([left, right, top, bottom]) => bottom - top <= 14 * FLAT && right - left <= 1.6 * FLAT);
}

/** The x of thin upright lines, dashed ones too, that run through several rows. */
export function longLines(strength, top, bottom) {
  const part = strokesOf(strength.part(top, bottom));
  const piece = rint(4 * FLAT);
  const count = Math.floor(part.rows / piece);
  if (count < 8) return [];
  const filled = new Float64Array(part.columns);
  for (let n = 0; n < count; n++) {
    for (let x = 0; x < part.columns; x++) {
      let inked = 0;
      for (let y = n * piece; y < (n + 1) * piece; y++) inked += part.data[y * part.columns + x];
      if (inked / piece > 0.3) filled[x] += 1 / count;
    }
  }
  const found = [];
  for (let x = 0; x < filled.length; x++) {
    if (!(filled[x] > 0.85)) continue;
    const first = x;
    while (x + 1 < filled.length && filled[x + 1] > 0.85) x++;
    if (x - first + 1 <= 0.9 * FLAT) found.push(Math.trunc((first + x) / 2));
  }
  return found;
}

/**
 * The rows from top to bottom: lines that cover, within 2 mm of one height, most of the width.
 * @returns {{y: number, left: number, right: number, rough: Int32Array}[]}
 */
export function findRows(strength) {
  const strokes = strokesOf(strength);
  const { rows: height, columns } = strokes;
  const count = Math.floor(columns / BIN);
  const bins = new Plane(height, count, new Uint8Array(height * count));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < count * BIN; x++) {
      if (strokes.data[y * columns + x]) bins.data[y * count + Math.floor(x / BIN)] = 1;
    }
  }
  const near = maximumAlong(bins, 2 * REACH + 1, 0).map((value) => value, Float64Array);
  // The best quarter of the width first: rows may be shorter than the page.
  const smooth = uniformAlong(near, Math.max(5, Math.trunc(0.25 * count)), 1);
  const line = (plane, y) => plane.data.subarray(y * count, (y + 1) * count);
  const score = Float64Array.from({ length: height }, (_, y) =>
    (largest(line(smooth, y)) > 0.8 ? mean(line(near, y)) : 0));
  const limit = Math.max(0.25, 0.55 * largest(score, 0));
  const order = [...score.keys()].sort((a, b) => score[b] - score[a] || a - b);
  const rows = [];
  for (const y of order) {
    if (score[y] < limit) break;
    if (rows.every((other) => Math.abs(y - other) > APART)) rows.push(middleOfPeak(strokes, score, y));
  }
  const heights = [...new Set(rows)].sort((a, b) => a - b);
  return heights.map((y) => rowAt(strength, y, heights));
}

/** The height with most strokes near a peak of the cover (which has a flat top). */
function middleOfPeak(strokes, score, y) {
  const low = Math.max(0, y - REACH), high = Math.min(score.length, y + REACH + 1);
  const counts = [];
  for (let row = low; row < high; row++) {
    let total = 0;
    for (let x = 0; x < strokes.columns; x++) total += strokes.data[row * strokes.columns + x];
    counts.push(total);
  }
  return low + argmax(uniformLine(counts, Math.max(1, rint(0.8 * FLAT))));
}

function rowAt(strength, y, rows) {
  const others = rows.filter((other) => other !== y).map((other) => Math.abs(other - y));
  const nearest = others.length ? Math.min(...others) : 30 * FLAT;
  const band = rint(Math.min(22 * FLAT, 0.75 * nearest));
  const top = Math.max(0, y - band), bottom = Math.min(strength.rows, y + band + 1);
  const rough = shortest(strength.part(top, bottom), y - top).map((at) => at + top);
  const [left, right] = rowExtent(strength, rough);
  return { y: median(rough.subarray(left, right + 1)), left, right, rough };
}

/** The darkest line through a band, steps up and down at a price. */
export function shortest(part, middle) {
  const price = 0.12;
  const { rows: height, columns: width, data } = part;
  const total = new Float32Array(width * height);
  const ramp = Float32Array.from({ length: height }, (_, y) => price * y);
  const cost = (x, y) =>
    Math.fround(1 - data[y * width + x]) + 0.002 * Math.abs(y - middle);
  const down = new Float32Array(height), up = new Float32Array(height);
  for (let y = 0; y < height; y++) total[y] = cost(0, y);
  const { fround } = Math;
  for (let x = 1; x < width; x++) {
    const before = (x - 1) * height, here = x * height;
    let least = Infinity;
    for (let y = 0; y < height; y++) {
      least = Math.min(least, fround(total[before + y] - ramp[y]));
      down[y] = least + ramp[y];
    }
    least = Infinity;
    for (let y = height - 1; y >= 0; y--) {
      least = Math.min(least, fround(total[before + y] + ramp[y]));
      up[y] = least - ramp[y];
    }
    for (let y = 0; y < height; y++) total[here + y] = Math.min(down[y], up[y]) + cost(x, y);
  }
  const line = new Int32Array(width);
  line[width - 1] = argmin(total.subarray((width - 1) * height));
  for (let x = width - 2; x >= 0; x--) {
    let best = Infinity;
    for (let y = 0; y < height; y++) {
      const value = total[x * height + y] + price * Math.abs(y - line[x + 1]);
      if (value < best) {
        best = value;
        line[x] = y;
      }
    }
  }
  return line;
}

/** Where a row begins and ends: the longest stretch without gaps of over 8 mm. */
export function rowExtent(strength, rough) {
  const { rows, columns, data } = strength;
  const near = new Float64Array(columns);
  for (let x = 0; x < columns; x++) {
    for (let step = -2; step < 3; step++) {
      near[x] = Math.max(near[x], data[clip(rough[x] + step, 0, rows - 1) * columns + x]);
    }
  }
  // Left-overs of the grid are paler than the row's own stroke; so are faint parts of the row,
  // but those lie between strong ones.
  const smooth = uniformLine(near, rint(2 * FLAT) | 1);
  const usual = quantile(smooth, 0.6);
  const strong = smooth.map((value) => (value > 0.6 * usual ? 1 : 0));
  const weak = new Uint8Array(columns + 120);
  smooth.forEach((value, x) => { weak[x + 60] = value > 0.2 * usual ? 1 : 0; });
  const parts = labelled(asLine(closedLine(weak, rint(8 * FLAT)).subarray(60, 60 + columns)), false);
  if (parts.count === 0 || !strong.includes(1)) return [0, columns - 1];
  const widest = 1 + argmax(sumsOf(strong, parts));
  const own = (x) => strong[x] && parts.labels.data[x] === widest;
  let left = 0, right = columns - 1;
  while (left < columns && !own(left)) left++;
  if (left === columns) return [0, columns - 1];
  while (!own(right)) right--;
  return [left, right];
}

/** The pen's width in pixels: the usual height of the stroke on level parts. */
export function penWidth(strength, rows) {
  const { columns, data } = strength;
  const heights = [];
  for (const row of rows) {
    for (let x = row.left; x < row.right; x += 3) {
      const y = row.rough[x];
      if (data[y * columns + x] < 0.6 || Math.abs(row.rough[Math.max(0, x - 3)] - y) > 1) continue;
      const top = Math.max(0, y - 12), bottom = Math.min(strength.rows, y + 13);
      const value = (at) => data[at * columns + x];
      let above = y, below = y;
      while (above >= top && !(value(above) < 0.5)) above--;
      while (below < bottom && !(value(below) < 0.5)) below++;
      if (above < top || below >= bottom) continue;
      let total = 0;
      for (let at = above + 1; at < below; at++) total += value(at);
      heights.push(total);
    }
  }
  return heights.length > 20 ? median(heights) : 2.0;
}
