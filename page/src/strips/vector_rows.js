// Put the polylines of a PDF into rows and give them the names of the words beside them
// (`ekg/strips/vector_rows.py`).

import { StripError } from "./errors.js";
import { leadOf } from "./layout.js";
import { arange, correlation, interpolated, linspace, mean, median, spread } from "./numeric/arrays.js";
import { cheapestPairs } from "./numeric/linear.js";

/** A polyline that may be a trace, or a part of one: paper millimetres, y down. */
export class Piece {
  constructor(points) {
    this.points = points;
    this.left = points[0][0];
    this.right = points[points.length - 1][0];
    this.middle = median(points.map((point) => point[1]));
  }
}

const height = (row) => mean(row.map((piece) => piece.middle));

/** Group pieces into rows from top to bottom, each from left to right. */
export function rowsOf(pieces, unit) {
  const rows = [];
  for (const piece of [...pieces].sort((a, b) => a.left - b.left)) {
    let best = null, least = 14 * unit;
    for (const row of rows) {
      const last = row[row.length - 1];
      const off = Math.abs(last.middle - piece.middle);
      if (last.right < piece.left + 3 * unit && off < least) [best, least] = [row, off];
    }
    if (best) best.push(piece);
    else rows.push([piece]);
  }
  return rows.sort((a, b) => height(a) - height(b));
}

/** Give each piece its lead's name; split rows that hold several leads in one line. */
export function namedRows(rows, words, unit) {
  const names = words.map((word) => ({ ...word, lead: leadOf(word.text) })).filter((word) => word.lead);
  if (!names.length) {
    throw new StripError("the PDF's text contains no lead names", "give an image of the page instead");
  }
  const levels = levelsOf(names.map((word) => word.y), 3 * unit);
  const owner = levelOfRow(levels, rows.map(height), unit);
  const named = [];
  rows.forEach((row, number) => {
    if (!owner.has(number)) return;
    const level = levels[owner.get(number)];
    const own = names.filter((word) => Math.abs(word.y - level) <= 3 * unit &&
      word.x > row[0].left - 15 * unit && word.x < row[row.length - 1].right)
      .sort((a, b) => a.x - b.x);
    const parts = partsOf(row, own, unit);
    if (parts.length) named.push(parts);
  });
  if (!named.length) {
    throw new StripError("no trace has a lead's name beside it", "give an image instead");
  }
  return named;
}

/** The heights at which words stand, from top to bottom. */
function levelsOf(heights, tolerance) {
  const groups = [];
  for (const one of [...heights].sort((a, b) => a - b)) {
    const group = groups[groups.length - 1];
    if (group && one - group[group.length - 1] <= tolerance) group.push(one);
    else groups.push([one]);
  }
  return groups.map(mean);
}

/** Which line of names belongs to which row: they stand at one distance from it. */
function levelOfRow(levels, middles, unit) {
  let best = [Infinity, new Map()];
  for (const steps of arange(-30, 30.5, 0.5)) {
    const distance = steps * unit;
    const cost = middles.map((middle) => levels.map((level) =>
      Math.min(Math.abs(middle + distance - level), 15 * unit)));
    const pairs = cheapestPairs(cost);
    const total = pairs.reduce((sum, [row, level]) => sum + cost[row][level], 0) +
      0.02 * Math.abs(distance);
    if (total < best[0] - 1e-9) {
      best = [total, new Map(pairs.filter(([row, level]) => cost[row][level] < 15 * unit))];
    }
  }
  return best[1];
}

/** The leads of one row. */
function partsOf(row, names, unit) {
  if (row.length === 1 && names.length > 1) {
    const [whole] = row;
    const edges = linspace(whole.left, whole.right, names.length + 1);
    const offsets = names.map((word, k) => word.x - edges[k]);
    if (spread(offsets) > 0.15 * (edges[1] - edges[0])) {
      throw new StripError("the names in a row of the PDF are not equally spaced",
        "give an image of the page instead");
    }
    return names.map(({ lead }, k) => [lead, new Piece(
      whole.points.filter(([x]) => x >= edges[k] && x < edges[k + 1]))]);
  }
  if (!names.length) return [];
  const cost = row.map((piece) => names.map((word) => Math.abs(piece.left + 3 * unit - word.x)));
  return cheapestPairs(cost).filter(([piece, name]) => cost[piece][name] < 40 * unit)
    .map(([piece, name]) => [names[name].lead, row[piece]]);
}

/** Name rows without a name that clearly repeat a lead of the named rows (rhythm rows). */
export function withRhythm(named, rows, unit) {
  if (Math.max(...named.map((row) => row.length)) === 1) return named;
  const parts = named.flat();
  const used = new Set(parts.map(([, piece]) => piece));
  const all = [...named];
  for (const row of rows) {
    if (row.length !== 1 || used.has(row[0])) continue;
    const fits = parts.map(([name, piece]) => [likeness(row[0], piece, unit), name])
      .sort((a, b) => a[0] - b[0]);
    const [next, best] = fits.slice(-2);
    if (fits.length > 1 && best[0] > 0.98 && best[0] - next[0] > 0.01) all.push([[best[1], row[0]]]);
  }
  const level = (row) => mean(row.map(([, piece]) => piece.middle));
  return all.sort((a, b) => level(a) - level(b));
}

/** The correlation of a piece with the part of a longer one that lies below it. */
function likeness(long, short, unit) {
  const [x, y] = asFunction(short.points), [wide, high] = asFunction(long.points);
  const places = arange(x[0], x[x.length - 1], 0.1 * unit);
  const values = interpolated(places, x, y);
  let best = 0;
  for (const late of arange(-1, 1.05, 0.1)) {
    const other = interpolated(places.map((place) => place + late * unit), wide, high);
    if (spread(other) > 0 && spread(values) > 0) best = Math.max(best, correlation(values, other));
  }
  return best;
}

/** A polyline as a function of x: steps back are flattened, equal x spread a little. */
export function asFunction(points) {
  let most = -Infinity;
  const x = Float64Array.from(points, ([place], i) => {
    most = Math.max(most, place);
    return most + 1e-9 * i;
  });
  return [x, Float64Array.from(points, (point) => point[1])];
}
