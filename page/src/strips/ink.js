// From a flat page to ink: the grid divided out by its known place (`ekg/strips/ink.py`).

import constants from "./constants.js";
import { FLAT, gridOf } from "./flatten.js";
import { darkness, enlarge } from "./grid.js";
import { argmax, clip, median, percentile, Plane, rint } from "./numeric/arrays.js";
import { gaussianFilter, greyOpening, uniformFilter } from "./numeric/filters.js";
import { closed, dilated, labelled, sumsOf } from "./numeric/shapes.js";
import { segment } from "./segment.js";

const {
  _BLOCK: BLOCK, _DARK: DARK, _SEEN: SEEN, _STROKES: STROKES, _LEAST_PEN: LEAST_PEN,
  _WORDS: WORDS, _RATHER: RATHER,
} = constants.ink;

/**
 * Divide the grid out and scale what is left to the pen.
 * @param {object} flat as `flatten` gives, with `seen`: the nodes' quality
 * @returns {Promise<{strength: Plane, trace: Plane, sure: Plane, text: Plane, raw: Plane}>}
 */
export async function findInk(flat) {
  const bytes = flat.rgb.map((plane) => plane.map(rint, Uint8Array));
  const { rest, pen } = withoutGrid(flat, bytes);
  const { trace, text, mark, background } = await segment(bytes);
  return shares(rest, pen, trace, text, mark, background);
}

/** The share of the light that strokes take, and how much the pen takes. */
export function withoutGrid(flat, bytes) {
  const { rows, columns, inside } = flat;
  const woven = new Uint8Array(3 * rows * columns);
  for (let i = 0; i < rows * columns; i++) {
    for (let c = 0; c < 3; c++) woven[3 * i + c] = bytes[c].data[i];
  }
  const { least } = darkness({ width: columns, height: rows, data: woven }, BLOCK);
  const grid = gridOf(least, FLAT);
  // What is left of the light after the grid's share: for black ink, how much of the pixel the
  // pen covers. Logarithms would make soft edges of a black line look empty.
  const dark = least.map((value, i) => value - grid.data[i]);
  const wide = shade(dark);
  const area = seenArea(flat);
  const rest = dark.map((value, i) =>
    (area[i] ? 1 - Math.exp(Math.min(wide.data[i] - value, 0.7)) : 0));
  const some = [];
  for (let y = 0; y < rows; y += 3) {
    for (let x = 0; x < columns; x += 3) {
      if (inside[y * columns + x]) some.push(Math.abs(rest.data[y * columns + x]));
    }
  }
  const floor = Math.max(LEAST_PEN, 5 * 1.48 * median(some));
  const strokes = rest.data.filter((value) => value > floor);
  return { rest, pen: strokes.length > 500 ? percentile(strokes, 75) : floor };
}

/** What the network's opinion leaves of the strokes. */
function shares(rest, pen, trace, text, mark, ground) {
  const nearby = penNearby(rest, trace, pen);
  const raw = rest.map((value, i) => clip(value / nearby.data[i], 0, 1), Float32Array);
  const [strength, only, sure, other] = [raw.like(), raw.like(), raw.like(), raw.like()];
  for (let i = 0; i < raw.data.length; i++) {
    // What the network is sure is ground (left-overs of the grid, folds) goes, unless it is as
    // dark as the pen: tips of QRS are thin, and the network is not sure of them.
    const value = raw.data[i];
    strength.data[i] = value > DARK ? value : value * clip((1 - ground.data[i] - 0.05) / 0.2, 0, 1);
    const wordy = Math.max(text.data[i], mark.data[i]);
    // Bars and pulses are told by their shape later: the network takes a QRS on a bar for one.
    const gone = text.data[i] > WORDS && text.data[i] > RATHER * trace.data[i];
    only.data[i] = gone ? 0 : strength.data[i];
    sure.data[i] = trace.data[i] > SEEN ? only.data[i] : 0;
    other.data[i] = wordy - trace.data[i];
  }
  return { strength, trace: only, sure, text: other, raw };
}

/** The darkness of folds and edges of shadows: of what is wider than any stroke. */
function shade(dark) {
  const wide = greyOpening(uniformFilter(dark, 3), STROKES);
  return uniformFilter(wide, 5).map((value) => Math.max(value, 0));
}

/** The pen's darkness at each pixel: glare makes strokes paler on a part of a page. */
function penNearby(rest, trace, pen) {
  const block = rint(12 * FLAT);
  const rows = Math.ceil(rest.rows / block), columns = Math.ceil(rest.columns / block);
  const known = new Plane(rows, columns, new Float64Array(rows * columns));
  const levels = known.like();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const dark = [];
      for (let y = row * block; y < Math.min(rest.rows, (row + 1) * block); y++) {
        for (let x = column * block; x < Math.min(rest.columns, (column + 1) * block); x++) {
          const at = y * rest.columns + x;
          if (trace.data[at] > 0.6) dark.push(rest.data[at]);
        }
      }
      if (dark.length <= 60) continue;
      known.data[row * columns + column] = 1;
      levels.data[row * columns + column] = percentile(Float32Array.from(dark), 75);
    }
  }
  const weights = gaussianFilter(known, 0.8), filled = gaussianFilter(levels, 0.8);
  const nearby = known.map((there, i) => clip(
    there ? (filled.data[i] + 0.02 * pen) / (weights.data[i] + 0.02) : pen, 0.4 * pen, 1.1 * pen),
  Float32Array);
  return enlarge(nearby, rest.rows, rest.columns, block, block);
}

/** The part of the page over which the grid was seen, and a little beyond. */
function seenArea({ rows, columns, inside, nodes, seen }) {
  const mask = new Plane(nodes.rows + 8, nodes.columns + 8,
    new Uint8Array((nodes.rows + 8) * (nodes.columns + 8)));
  for (let row = 0; row < nodes.rows; row++) {
    for (let column = 0; column < nodes.columns; column++) {
      mask.data[(row + 4) * mask.columns + column + 4] = seen[row * nodes.columns + column] > 0 ? 1 : 0;
    }
  }
  let part = closed(mask, 3).part(4, 4 + nodes.rows, 4, 4 + nodes.columns);
  const found = labelled(part, false);
  if (found.count > 1) {
    const widest = 1 + argmax(sumsOf(part.data, found));
    part = found.labels.map((label) => (label === widest ? 1 : 0), Uint8Array);
  }
  part = dilated(part, 2, true);
  const step = 5 * FLAT;
  const out = new Uint8Array(rows * columns);
  for (let y = 0, i = 0; y < rows; y++) {
    const row = clip(rint(y / step), 0, part.rows - 1) * part.columns;
    for (let x = 0; x < columns; x++, i++) {
      out[i] = inside[i] && part.data[row + clip(rint(x / step), 0, part.columns - 1)] ? 1 : 0;
    }
  }
  return out;
}
