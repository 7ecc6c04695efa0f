// Whose is a stroke that runs from one row's line to the next row's (`ekg/strips/shared.py`).

import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { argmax, argmin, mean, median, rint } from "./numeric/arrays.js";
import { medianLine, uniformLine } from "./numeric/filters.js";
import { asLine, boxesOf, labelled, sumsOf } from "./numeric/shapes.js";
import { STROKE, strokesOf } from "./rows.js";

const {
  _CLEAR: CLEAR, _WIDEST: WIDEST, _LEAD: LEAD, _WAIST: WAIST, _THICKER: THICKER,
} = constants.shared;

/** For each row, which strokes that touch its line belong to a neighbour. */
export function takenAway(strength, rows) {
  const masks = rows.map(() => strength.like(Uint8Array));
  for (let number = 0; number + 1 < rows.length; number++) {
    const top = rint(rows[number].y) + CLEAR, bottom = rint(rows[number + 1].y) - CLEAR;
    if (bottom - top < 4 * FLAT) continue;
    const zone = strength.part(top, bottom);
    const parts = labelled(strokesOf(zone), true);
    const pieces = [];
    boxesOf(parts).forEach((box, index) => {
      if (box.bottom - box.top < 0.9 * (bottom - top) || box.right - box.left > WIDEST) return;
      const own = parts.labels.part(box.top, box.bottom, box.left, box.right)
        .map((label) => (label === index + 1 ? 1 : 0), Uint8Array);
      const ink = zone.part(box.top, box.bottom, box.left, box.right)
        .map((value, i) => (own.data[i] ? value : 0));
      pieces.push({ own, top: top + box.top, left: box.left, ink, taper: taperOf(ink) });
    });
    for (const piece of pieces) {
      const votes = pieces.filter((other) => Math.abs(other.left - piece.left) < LEAD)
        .reduce((total, other) => total + other.taper, 0);
      const [first, last] = limits(piece.ink, votes);
      forbid(masks[number], piece, last, piece.own.rows);
      forbid(masks[number + 1], piece, 0, first);
    }
  }
  return masks;
}

/** How wide a piece is at each height. */
function spansOf(piece) {
  const { rows, columns, data } = piece;
  return medianLine(Array.from({ length: rows }, (_, y) => {
    let left = columns, right = -1;
    for (let x = 0; x < columns; x++) {
      if (!(data[y * columns + x] > STROKE)) continue;
      left = Math.min(left, x);
      right = x;
    }
    return Math.max(right - left + 1, 0);
  }), 7);
}

function endsOf(values) {
  const count = Math.max(3, Math.floor(values.length / 5));
  return [mean(values.slice(0, count)), mean(values.slice(-count))];
}

/** From -1 to 1 by how much a piece is wider above than below. */
function taperOf(piece) {
  const [above, below] = endsOf(spansOf(piece));
  return (above - below) / Math.max(above + below, 1);
}

/** Where the lower row's wave ends above, and where the upper row's ends below. */
function limits(piece, taper) {
  const spans = spansOf(piece);
  const edge = rint(0.15 * spans.length);
  const inner = spans.slice(edge, spans.length - edge);
  const waist = argmin(inner);
  if (inner[waist] < WAIST * Math.min(...endsOf(spans))) return [edge + waist, edge + waist];
  const { rows, columns, data } = piece;
  const thick = uniformLine(Array.from({ length: rows }, (_, y) => {
    let total = 0;
    for (let x = 0; x < columns; x++) total += data[y * columns + x];
    return total;
  }), 7);
  const usual = median(thick);
  const high = asLine(thick.map((value, y) =>
    (value > THICKER * usual && y >= edge && y < rows - edge ? 1 : 0)));
  const parts = labelled(high, false);
  if (parts.count) {
    const widest = 1 + argmax(sumsOf(thick, parts));
    const first = parts.labels.data.indexOf(widest), last = parts.labels.data.lastIndexOf(widest);
    if (last - first + 1 >= 6) return [first, last + 1];
  }
  return taper >= 0 ? [rows, rows] : [0, 0];
}

function forbid(mask, { own, top, left }, first, last) {
  for (let y = first; y < last; y++) {
    for (let x = 0; x < own.columns; x++) {
      if (own.data[y * own.columns + x]) mask.data[(top + y) * mask.columns + left + x] = 1;
    }
  }
}
