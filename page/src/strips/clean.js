// Take away what is no trace: frames, pulses, ticks, what was visited (`ekg/strips/clean.py`).

import constants from "./constants.js";
import { FLAT } from "./flatten.js";
import { clip, median, Plane, quantile, rint } from "./numeric/arrays.js";
import { withoutLine } from "./numeric/linear.js";
import { dilatedLine, labelled } from "./numeric/shapes.js";
import { barsOf, rowExtent, STROKE, strokesOf } from "./rows.js";

const { _LEANING: LEANING } = constants.clean;

/** Leave out what is no row of traces: frames, lines of text, short pieces. */
export function tracesOnly(rows, strength) {
  if (!rows.length) return rows;
  const usual = quantile(rows.map((row) => row.right - row.left), 0.7);
  return rows.filter((row) => {
    let width = row.right - row.left;
    if (width < 0.6 * usual) {
      [row.left, row.right] = rowExtent(strength, row.rough);
      width = row.right - row.left;
    }
    const edge = Math.floor(width / 20);
    const inner = row.rough.subarray(row.left + edge, row.right - edge);
    return width >= 0.6 * usual && inner.length >= 10 && straight(inner) < 0.5;
  });
}

/** The share of a line's 50-mm pieces that are straight: frames are, traces beat. */
function straight(line) {
  const piece = rint(50 * FLAT);
  const last = Math.max(1, line.length - piece + 1);
  let count = 0, found = 0;
  for (let start = 0; start < last; start += piece >> 1, count++) {
    const rest = withoutLine(line.subarray(start, start + piece));
    if (quantile(rest.map(Math.abs), 0.98) < 0.3 * FLAT) found++;
  }
  return found / count;
}

/** Over how much of the columns' width a row has a stroke. */
export function cover(strength, row, left, right) {
  let found = 0;
  for (let x = left; x <= right; x++) {
    if ([-1, 0, 1].some((step) => strength.data[
      clip(row.rough[x] + step, 0, strength.rows - 1) * strength.columns + x] > STROKE)) found++;
  }
  return found / (right - left + 1);
}

/** Take the pulses out, but for their feet: the trace begins there. */
export function withoutPulses(strength, pulses) {
  const clean = strength.copy();
  for (const pulse of pulses) {
    clean.fill(0, pulse.top - 4, pulse.foot - 3, pulse.left - 3, pulse.right + 3);
  }
  return clean;
}

/** Where bars stand between columns: alike beside several rows or columns. */
export function tickMask(strength, rows, pen, left, right) {
  const mask = strength.like(Uint8Array);
  const bars = barsOf(strength, pen);
  for (const columns of [4, 2, 5]) {
    const borders = [];
    for (let k = 1; k < columns; k++) borders.push(left + ((right - left) * k) / columns);
    const near = [];
    for (const bar of bars) {
      for (const border of borders) {
        for (const row of rows) {
          if (Math.abs(0.5 * (bar[0] + bar[1]) - border) < 2.5 * FLAT &&
              Math.abs(0.5 * (bar[2] + bar[3]) - row.y) < 6 * FLAT) {
            near.push([bar[0] - border, bar[1] - border, bar[2] - row.y, bar[3] - row.y]);
          }
        }
      }
    }
    let best = [];
    for (const one of near) {
      const group = near.filter((other) => sameBar(one, other));
      if (group.length > best.length) best = group;
    }
    if (best.length < 3) continue;
    // A QRS that lies on a bar makes it wider: the usual bar says what is the bar's.
    const bar = [0, 1, 2, 3].map((side) => median(best.map((one) => one[side])));
    for (const border of borders) {
      for (const row of rows) {
        markBar(mask, strength, bar.map((side, k) => rint(side + (k < 2 ? border : row.y))));
      }
    }
    break;
  }
  return mask;
}

const sameBar = (one, other) =>
  Math.abs(one[0] + one[1] - other[0] - other[1]) < 6 &&
  Math.abs(one[2] + one[3] - other[2] - other[3]) < 2 * FLAT &&
  Math.abs(one[3] - one[2] - other[3] + other[2]) < 0.8 * FLAT;

/** The bounds that a slice of numpy has: those below zero count from the end. */
const sliced = (bound, size) => clip(bound < 0 ? bound + size : bound, 0, size);

/** Mark the bar that stands within a few pixels of a place, if there is one. */
function markBar(mask, strength, [left, right, top, bottom]) {
  const { rows, columns, data } = strength;
  let best = { share: 0.7, down: 0, over: 0 };
  for (let down = -9; down < 10; down++) {
    for (let over = -5; over < 6; over++) {
      const [y0, y1] = [Math.max(0, top + down), sliced(bottom + down, rows)];
      const [x0, x1] = [sliced(left + over, columns), sliced(right + over, columns)];
      if (y0 >= y1 || x0 >= x1) continue;
      let inked = 0;
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) if (data[y * columns + x] > 0.5) inked++;
      }
      const share = inked / ((y1 - y0) * (x1 - x0));
      // As tuples compare: of equal shares the one that lies lowest and furthest right.
      if (share > best.share || (share === best.share &&
          (down > best.down || (down === best.down && over > best.over)))) {
        best = { share, down, over };
      }
    }
  }
  if (!(best.share > 0.7)) return;
  const { down, over } = best;
  let first = left + over - 1, last = right + over;
  for (const at of [first - 1, last + 1]) {
    let total = 0, count = 0;
    for (let y = Math.max(0, top + down); y < Math.min(rows, bottom + down); y++, count++) {
      total += data[y * columns + at];
    }
    // Blur makes a bar wider.
    if (count && total / count > 0.2) [first, last] = [Math.min(first, at), Math.max(last, at)];
  }
  mask.fill(1, top + down - 2, bottom + down + 2, first, last + 1);
}

/** Take a word out, but not the columns in which a stroke runs into it from outside. */
export function hideWord({ top, bottom, left, right }, clean, every, hidden) {
  [left, right] = [Math.max(0, left), Math.min(clean.columns, right)];
  const width = Math.max(0, right - left);
  const around = new Uint8Array(width);
  const { columns } = clean;
  for (const [first, last] of [
    [Math.max(0, top - 3), top], [bottom, Math.min(clean.rows, bottom + 3)]]) {
    if (last <= first) continue;
    for (let x = 0; x < width; x++) {
      let all = 1;
      for (let y = first; y < last; y++) {
        if (!(clean.data[y * columns + left + x] > STROKE)) all = 0;
      }
      around[x] |= all;
    }
  }
  const kept = dilatedLine(around, 2 * LEANING + 1);
  for (let y = Math.max(0, top); y < Math.min(clean.rows, bottom); y++) {
    for (let x = 0; x < width; x++) {
      if (kept[x]) continue;
      const at = y * columns + left + x;
      clean.data[at] = 0;
      every.data[at] = 0;
      hidden.data[at] = 1;
    }
  }
}

/** Where the columns begin and end: at the same place in most rows. */
export function extent(rows, pulses) {
  let lefts = rows.map((row) => row.left), rights = rows.map((row) => row.right);
  if (pulses.length) {
    const start = median(pulses.map((pulse) => pulse.left));
    const end = median(pulses.map((pulse) => pulse.right));
    if (end < 0.5 * (median(lefts) + median(rights))) lefts = [end];
    else rights = [start];
  }
  const votesOf = (place, places) =>
    places.filter((other) => Math.abs(place - other) < 1.5 * FLAT).length / places.length;
  let best = [-Infinity, 0, 0];
  for (const left of lefts) {
    for (const right of rights) {
      const votes = votesOf(left, lefts) + votesOf(right, rights);
      const usual = Math.min(...[250, 125].map((length) => Math.abs((right - left) / FLAT - length)));
      const score = votes + (usual < 2 ? 0.4 : 0) - 1e-5 * (right - left);
      if (score > best[0]) best = [score, left, right];
    }
  }
  return [rint(best[1]), rint(best[2])];
}

/** The ink that no trace has visited. */
export function withoutPaths(strength, paths, pen) {
  const clean = strength.copy();
  const reach = rint(0.5 * pen + 1);
  for (const path of paths) {
    for (let x = 0; x < path.y.length; x++) {
      clean.fill(0, path.low[x] - reach, path.high[x] + reach + 1, path.left + x, path.left + x + 1);
    }
  }
  return clean;
}

/** The ink that does not hang together with any row's line. */
export function apart(strength, rows, pen) {
  const { labels, count } = labelled(strokesOf(strength), true);
  const touched = new Uint8Array(count + 1);
  const reach = rint(0.5 * pen + 1);
  for (const row of rows) {
    for (let step = -reach; step <= reach; step++) {
      for (let x = 0; x < strength.columns; x++) {
        touched[labels.data[clip(row.rough[x] + step, 0, strength.rows - 1) * strength.columns + x]] = 1;
      }
    }
  }
  touched[0] = 0;
  return new Plane(strength.rows, strength.columns,
    strength.data.map((value, i) => (touched[labels.data[i]] ? 0 : value)));
}
