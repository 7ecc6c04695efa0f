// Follow a row's pen stroke: a path that is paid for each pixel of ink it visits, then envelopes
// (`ekg/strips/trace.py`).

import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { argmax, clip, interpolated, rint, searchSorted } from "./numeric/arrays.js";
import { boxesOf, labelled } from "./numeric/shapes.js";
import { STROKE } from "./rows.js";

const {
  _ZERO: ZERO, _EMPTY: EMPTY, _BAND: BAND, _STEP: STEP, _LONGEST_HIDDEN: LONGEST_HIDDEN,
  _CELL: CELL, _LINE: LINE, _LEFT_OVER: LEFT_OVER, _HIDDEN: HIDDEN,
} = constants.trace;

/**
 * The ink of one row: what hangs together with its line, without the other rows'.
 * @param {Plane} taken strokes that touch its line but are a neighbour's
 * @param {Plane} hidden what words and bars lie on, under which strokes go on
 * @param {[number, number]} ends the columns between which the page has traces
 */
export function ownInk(strength, rows, number, pen, taken, hidden, ends) {
  const row = rows[number];
  const { columns } = strength;
  const top = Math.max(0, rint(row.y) - BAND);
  const part = strength.part(top, rint(row.y) + BAND + 1);
  const covered = hidden.part(top, top + part.rows);
  const away = taken.part(top, top + part.rows);
  const reach = Math.max(1, rint(0.5 * pen + 1));
  const keep = part.like(Uint8Array);
  mark(keep, row.rough, top, reach + 1);
  const gone = part.like(Uint8Array);
  rows.forEach((line, other) => {
    if (other !== number) mark(gone, line.rough, top, reach);
  });
  for (let y = 0, i = 0; y < part.rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      if (away.data[i] || (gone.data[i] && !keep.data[i])) part.data[i] = 0;
      const beside = Math.abs(((x + 0.5 * CELL) % CELL) - 0.5 * CELL);
      if (beside <= LINE && !keep.data[i]) {
        part.data[i] = clip((part.data[i] - LEFT_OVER) / (1 - LEFT_OVER), 0, 1);
      }
    }
  }
  const result = strength.like();
  const through = part.map((value, i) => (value > ZERO || covered.data[i] ? 1 : 0), Uint8Array);
  const parts = labelled(through, true);
  if (parts.count === 0) return result;
  const own = new Uint8Array(parts.count + 1), foreign = new Uint8Array(parts.count + 1);
  const label = (y, x) => parts.labels.data[y * columns + x];
  for (let step = -reach; step <= reach; step++) {
    for (let x = Math.max(0, ends[0]); x <= Math.min(columns - 1, ends[1]); x++) {
      own[label(clip(row.rough[x] - top + step, 0, part.rows - 1), x)] = 1;
    }
  }
  own[0] = 0;
  rows.forEach((line, other) => {
    if (other === number) return;
    for (let step = -reach - 2; step < reach + 3; step++) {
      for (let x = 0; x < columns; x++) {
        const y = line.rough[x] - top + step;
        if (y >= 0 && y < part.rows) foreign[label(y, x)] = 1;
      }
    }
  });
  withBrokenStrokes(parts, own, foreign);
  for (let i = 0; i < part.data.length; i++) {
    if (part.data[i] > ZERO && !own[parts.labels.data[i]]) part.data[i] = 0;
  }
  result.data.set(part.data, top * columns);
  return result;
}

function mark(mask, line, top, reach) {
  for (let step = -reach; step <= reach; step++) {
    for (let x = 0; x < mask.columns; x++) {
      const y = line[x] - top + step;
      if (y >= 0 && y < mask.rows) mask.data[y * mask.columns + x] = 1;
    }
  }
}

/** Add steep pieces that continue what is the row's own across a gap of at most 1 mm. */
function withBrokenStrokes(parts, own, foreign) {
  const boxes = boxesOf(parts);
  const gap = rint(1.2 * FLAT);
  const { labels } = parts;
  for (let round = 0; round < 3; round++) {
    let added = false;
    const before = own.slice();
    boxes.forEach((box, k) => {
      const number = k + 1;
      if (own[number] || foreign[number]) return;
      const height = box.bottom - box.top, width = box.right - box.left;
      if (height < 0.8 * FLAT || width > 2.5 * FLAT || height < 1.5 * width) return;
      const around = labels.part(box.top - gap, box.bottom + gap, box.left - 2, box.right + 2);
      if (around.data.some((other) => before[other])) {
        own[number] = 1;
        added = true;
      }
    });
    if (!added) break;
  }
}

/**
 * Follow a row's own ink from column `left` to column `right`.
 * @returns {{left: number, y: Float64Array, low: Int32Array, high: Int32Array,
 *   confidence: Float64Array, line: null}} by column from `left`; `y` NaN where there is no ink
 */
export function follow(ink, hidden, row, left, right, pen) {
  let top = Math.max(0, rint(row.y) - BAND);
  let bottom = Math.min(ink.rows, rint(row.y) + BAND + 1);
  let part = ink.part(top, bottom, left, right + 1);
  let [first, last] = [-1, -1];
  for (let y = 0; y < part.rows; y++) {
    for (let x = 0; x < part.columns; x++) {
      if (!(part.data[y * part.columns + x] > ZERO)) continue;
      if (first < 0) first = y;
      last = y;
      break;
    }
  }
  if (first >= 0) {
    [bottom, top] = [top + Math.min(part.rows, last + 4), top + Math.max(0, first - 3)];
    part = ink.part(top, bottom, left, right + 1);
  }
  const covered = hidden.part(top, bottom, left, right + 1);
  const ends = visits(part, covered);
  const start = ends.map((end, x) => ends[Math.max(0, x - 1)]);
  const [low, high] = runs(part, ends.map((end, x) => Math.min(start[x], end)),
    ends.map((end, x) => Math.max(start[x], end)));
  const centre = centres(part, low, high, pen);
  const { y, confidence } = underBars(centre, confidences(part, low, high), covered, low, high);
  const down = (values) => values.map((value) => value + top);
  return { left, y: down(y), low: down(low), high: down(high), confidence, line: null };
}

/** Continue the line straight under what hides it for a few columns. */
function underBars(y, confidence, covered, low, high) {
  const n = y.length;
  const at = (row, x) => covered.data[row * n + x];
  const hidden = Uint8Array.from(y, (_, x) => (at(low[x], x) && at(high[x], x) ? 1 : 0));
  const known = [];
  for (let x = 0; x < n; x++) if (Number.isFinite(y[x]) && !hidden[x]) known.push(x);
  if (known.length < 2 || !hidden.includes(1)) return { y, confidence };
  const straight = interpolated(Float64Array.from({ length: n }, (_, x) => x), known,
    known.map((x) => y[x]));
  const out = y.slice(), sure = confidence.slice();
  for (let x = 0; x < n; x++) {
    if (!hidden[x]) continue;
    const place = searchSorted(known, x);
    const before = known[clip(place - 1, 0, known.length - 1)];
    const after = known[clip(place, 0, known.length - 1)];
    if (after - before <= LONGEST_HIDDEN) [out[x], sure[x]] = [straight[x], 1];
    else out[x] = NaN;
  }
  return { y: out, confidence: sure };
}

/** Where the best path leaves each column. */
export function visits(part, covered) {
  const { rows: height, columns: width, data } = part;
  const { fround } = Math;
  const total = new Float32Array(width * height), before = new Float32Array(width * height);
  const score = new Float32Array(width * height);
  for (let x = 0; x < width; x++) { // column by column: `total[x * height + y]`
    let running = 0;
    for (let y = 0; y < height; y++) {
      const value = data[y * width + x];
      let worth = value > ZERO ? fround(value - ZERO) : fround(EMPTY * fround(value - ZERO));
      if (covered.data[y * width + x]) worth = fround(HIDDEN);
      worth = fround(worth - fround(STEP));
      before[x * height + y] = running;
      running = fround(running + worth);
      total[x * height + y] = running;
      if (x === 0) score[y] = worth;
    }
  }
  const up = new Float32Array(height);
  for (let x = 1; x < width; x++) {
    const last = (x - 1) * height, here = x * height;
    let most = -Infinity;
    for (let y = height - 1; y >= 0; y--) {
      most = Math.max(most, fround(score[last + y] + total[here + y]));
      up[y] = most - before[here + y];
    }
    most = -Infinity;
    for (let y = 0; y < height; y++) {
      most = Math.max(most, fround(score[last + y] - before[here + y]));
      score[here + y] = Math.max(fround(most + total[here + y]), up[y]);
    }
  }
  const ends = new Int32Array(width);
  ends[width - 1] = argmax(score.subarray((width - 1) * height));
  for (let x = width - 1; x > 0; x--) {
    const here = x * height, last = (x - 1) * height, y = ends[x];
    let best = -Infinity;
    for (let k = 0; k < height; k++) {
      const gain = k <= y ? fround(total[here + y] - before[here + k])
        : fround(total[here + k] - before[here + y]);
      const value = fround(score[last + k] + gain);
      if (value > best) {
        best = value;
        ends[x - 1] = k;
      }
    }
  }
  return ends;
}

/** Widen each column's visit to the whole run of ink it lies in, by about a pen. */
function runs(part, low, high) {
  const { rows: height, columns: width, data } = part;
  const strong = (y, x) => data[y * width + x] > STROKE;
  const newLow = low.slice(), newHigh = high.slice();
  for (let x = 0; x < width; x++) {
    let y = low[x];
    while (y >= 0 && y > low[x] - 5 && strong(y, x)) y--;
    newLow[x] = strong(low[x], x) ? Math.max(y + 1, low[x] - 4) : low[x];
    y = high[x];
    while (y < height && y < high[x] + 5 && strong(y, x)) y++;
    newHigh[x] = strong(high[x], x) ? Math.min(y - 1, high[x] + 4) : high[x];
  }
  return [newLow, newHigh];
}

/** The pen's middle in each column: the ink's centre of mass, or from the envelopes. */
function centres(part, low, high, pen) {
  const { rows: height, columns: width, data } = part;
  const centre = new Float64Array(width);
  const level = new Uint8Array(width);
  const upper = edgeOf(part, low, -1), lower = edgeOf(part, high, 1);
  for (let x = 0; x < width; x++) {
    let mass = 0, moment = 0;
    for (let y = Math.max(low[x] - 1, 0); y < Math.min(high[x] + 2, height); y++) {
      const value = data[y * width + x];
      if (!(value > 0.12)) continue;
      mass += value;
      moment += value * y;
    }
    centre[x] = mass > 0.3 ? moment / mass : NaN;
    level[x] = lower[x] - upper[x] <= Math.max(3, 1.7 * pen) ? 1 : 0;
  }
  const fromUpper = narrowed(upper, pen / 2);
  const fromLower = narrowed(lower.map((y) => -y), pen / 2).map((y) => -y);
  const middle = new Float64Array(width);
  const agreed = [];
  for (let x = 0; x < width; x++) {
    middle[x] = level[x] ? centre[x] : 0.5 * (fromUpper[x] + fromLower[x]);
    if (!Number.isFinite(centre[x])) continue;
    if (level[x] || Math.abs(fromUpper[x] - fromLower[x]) < 0.7) agreed.push(x);
  }
  if (agreed.length < 2) return centre;
  const between = interpolated(Float64Array.from(centre, (_, x) => x), agreed,
    agreed.map((x) => middle[x]));
  const sure = new Set(agreed);
  return centre.map((own, x) => {
    if (!Number.isFinite(own)) return NaN;
    if (sure.has(x)) return middle[x];
    const higher = Math.abs(fromUpper[x] - between[x]) >= Math.abs(fromLower[x] - between[x]);
    return higher ? fromUpper[x] : fromLower[x];
  });
}

/** The edge of the ink, to a fraction of a pixel, above (-1) or below (1) a run. */
function edgeOf(part, at, side) {
  const { rows: height, columns: width, data } = part;
  return Float64Array.from(at, (y, x) => {
    const inner = data[y * width + x];
    const beyond = y + side;
    const outer = beyond >= 0 && beyond < height ? data[beyond * width + x] : 0;
    const half = 0.5 * Math.max(inner, 0.6);
    return y + side * clip((inner - half) / Math.max(inner - outer, 1e-3), -0.5, 1);
  });
}

/** An upper edge moved in by a round pen: the line, but for narrow notches. */
function narrowed(edge, radius) {
  const fine = 4;
  const places = Float64Array.from({ length: (edge.length - 1) * fine + 1 }, (_, i) => i / fine);
  const dense = interpolated(places, Float64Array.from(edge, (_, i) => i), edge);
  const reach = Math.trunc(radius * fine);
  const depth = [];
  for (let step = -reach; step <= reach; step++) {
    depth.push(Math.sqrt(Math.max(radius ** 2 - (step / fine) ** 2, 0)));
  }
  return Float64Array.from(edge, (_, i) => {
    let most = -Infinity;
    for (let step = -reach; step <= reach; step++) {
      const at = clip(i * fine + step, 0, dense.length - 1);
      most = Math.max(most, dense[at] + depth[step + reach]);
    }
    return most;
  });
}

/** How much of each column's visit is ink. */
function confidences(part, low, high) {
  return Float64Array.from(low, (first, x) => {
    let inked = 0;
    for (let y = first; y <= high[x]; y++) if (part.data[y * part.columns + x] > ZERO) inked++;
    return inked / Math.max(high[x] - first + 1, 1);
  });
}
