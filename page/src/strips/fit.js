// The last step: a drawn line is fitted to the pixels of a row (`ekg/strips/fit.py`).

import constants from "./constants.js";
import {
  clip, differences, gradient, interpolated, largest, median, rint, smallest, windowSums,
} from "./numeric/arrays.js";
import { solvedBanded } from "./numeric/linear.js";

export const { NODES } = constants.fit;
const { _ROUNDS: ROUNDS, _SIDE: SIDE, _FAR: FAR, _STIFF: STIFF, _ZONE: ZONE } = constants.fit;

/**
 * The line's height at each node (every half column), in pixels.
 * @param {Plane} ink the row's own strokes
 * @param {Plane} known where `ink` can be trusted
 */
export function fitDrawing(ink, known, path, pen) {
  const n = path.y.length;
  const places = Float64Array.from({ length: NODES * (n - 1) + 1 }, (_, i) => i / NODES);
  const good = [];
  for (let x = 0; x < n; x++) if (Number.isFinite(path.y[x])) good.push(x);
  if (good.length < 20) return new Float64Array(places.length).fill(NaN);
  const line = interpolated(places, good, good.map((x) => path.y[x]));
  const profile = profileOf(ink, path, pen);
  for (const [first, last] of zones(path, pen)) fitZone(ink, known, path, line, profile, first, last);
  return line;
}

/** Distances from the pen's middle and the strength there, on level parts. */
function profileOf(ink, path, pen) {
  const slope = gradient(path.y);
  const distances = Float64Array.from({ length: Math.ceil((FAR + 0.01) / 0.25) }, (_, i) => i * 0.25);
  const level = [];
  for (let x = 0; x < path.y.length; x++) {
    if (Math.abs(slope[x]) < 0.15 && path.high[x] - path.low[x] + 1 <= Math.max(3, 1.7 * pen) &&
        Number.isFinite(path.y[x])) level.push(x);
  }
  if (level.length < 30) {
    const heights = distances.map((distance) => clip(0.5 * pen + 0.5 - distance, 0, 1));
    return { distances, heights, falls: gradient(heights, 0.25) };
  }
  const near = Array.from(distances, () => []);
  for (const x of level) {
    for (let step = -6; step < 7; step++) {
      const y = rint(path.y[x]) + step;
      if (y < 0 || y >= ink.rows) continue;
      const away = Math.abs(y - path.y[x]);
      const value = ink.data[y * ink.columns + path.left + x];
      distances.forEach((distance, k) => {
        if (Math.abs(away - distance) < 0.25) near[k].push(value);
      });
    }
  }
  const heights = Float64Array.from(near, (values) => (values.length > 10 ? median(values) : 0));
  for (let k = 1; k < heights.length; k++) heights[k] = Math.min(heights[k], heights[k - 1]);
  const last = heights[heights.length - 1];
  const above = heights.map((height) => height - last);
  return { distances, heights: above, falls: gradient(above, 0.25) };
}

/** The stretches of columns to be fitted, joined where they are close. */
function zones(path, pen) {
  const good = path.y.map((y) => (Number.isFinite(y) ? 1 : 0));
  const slope = gradient(path.y.map((y) => (Number.isFinite(y) ? y : 0)));
  const steep = Array.from(path.y, (_, x) => (good[x] && (
    path.high[x] - path.low[x] + 1 > Math.max(3, 1.7 * pen) || Math.abs(slope[x]) > 0.7) ? 1 : 0));
  const wide = windowSums(steep, 2 * ZONE + 1);
  const found = [];
  for (let x = 0; x < wide.length; x++) {
    if (!(wide[x] > 0)) continue;
    const first = x;
    while (x + 1 < wide.length && wide[x + 1] > 0) x++;
    if (x + 1 - first >= 4) found.push([first, x]);
  }
  return found;
}

/** Fit the nodes of columns `first` to `last` in place, those of the ends held. */
function fitZone(ink, known, path, line, profile, first, last) {
  const start = NODES * first, stop = NODES * last + 1;
  let nodes = line.slice(start, stop);
  const pixels = pixelsOf(ink, known, path, nodes, first, last);
  if (pixels.count < 10) return;
  let damping = 0.02;
  let current = restOf(nodes, pixels, profile);
  for (let round = 0; round < ROUNDS; round++) {
    const step = stepOf(current, nodes, damping);
    const trial = nodes.map((y, k) => y + clip(step[k], -1.5, 1.5));
    trial[0] = nodes[0];
    trial[trial.length - 1] = nodes[nodes.length - 1];
    const attempt = restOf(trial, pixels, profile);
    if (attempt.cost < current.cost) {
      const gained = current.cost - attempt.cost;
      const enough = gained < 1e-3 * current.cost;
      [nodes, current] = [trial, attempt];
      damping = Math.max(damping * 0.4, 1e-3);
      if (enough) break;
    } else {
      damping *= 6;
    }
  }
  line.set(nodes, start);
}

/** The pixels near the line: x and y, strength, and weight. */
function pixelsOf(ink, known, path, nodes, first, last) {
  const xs = [], ys = [], values = [], weights = [];
  for (let column = first; column <= last; column++) {
    const near = nodes.subarray(
      Math.max(0, NODES * (column - first - 1)), NODES * (column - first + 1) + 1);
    const low = Math.trunc(Math.min(smallest(near), path.low[column])) - 4;
    const high = Math.trunc(Math.max(largest(near), path.high[column])) + 5;
    for (let y = Math.max(0, low); y < Math.min(ink.rows, high); y++) {
      const at = y * ink.columns + path.left + column;
      xs.push(column - first);
      ys.push(y);
      values.push(ink.data[at]);
      weights.push(known.data[at]);
    }
  }
  return { count: xs.length, xs, ys, values, weights };
}

/** A value of the pen's profile (`table`) at a distance; nothing beyond its end. */
function profileAt(distance, { distances }, table) {
  const last = distances.length - 1;
  if (distance > distances[last]) return 0;
  const k = Math.min(Math.trunc(distance / 0.25), last - 1);
  return table[k] + ((table[k + 1] - table[k]) / 0.25) * (distance - distances[k]);
}

/** The cost, the two bands of the normal matrix, and the right-hand side. */
function restOf(nodes, pixels, profile) {
  const n = nodes.length, count = n - 1;
  const diagonal = new Float64Array(n), beside = new Float64Array(n), right = new Float64Array(n);
  const dx = 1 / NODES;
  let cost = 0;
  for (let i = 0; i < pixels.count; i++) {
    const px = pixels.xs[i], py = pixels.ys[i];
    let least = Infinity, chosen = 0, part = 0, offY = 0;
    for (let step = -SIDE * NODES; step < SIDE * NODES; step++) {
      const k = clip(px * NODES + step, 0, count - 1);
      const dy = nodes[k + 1] - nodes[k];
      const ax = px - k / NODES, ay = py - nodes[k];
      const share = clip((ax * dx + ay * dy) / (dx * dx + dy * dy), 0, 1);
      const x = ax - share * dx, y = ay - share * dy;
      const square = x * x + y * y;
      if (square < least) {
        least = square;
        chosen = k;
        part = share;
        offY = y;
      }
    }
    const distance = Math.sqrt(least);
    const up = offY / Math.max(distance, 1e-3);
    const rest = pixels.values[i] - profileAt(distance, profile, profile.heights);
    const fall = profileAt(distance, profile, profile.falls);
    // A robust weight: pixels of a word that touches the line do not pull it.
    const own = (rest / 0.5) ** 2;
    const weight = pixels.weights[i] / (1 + own);
    const one = -(1 - part) * up * fall, two = -part * up * fall;
    diagonal[chosen] += weight * one * one;
    diagonal[chosen + 1] += weight * two * two;
    beside[chosen] += weight * one * two;
    right[chosen] += weight * one * rest;
    right[chosen + 1] += weight * two * rest;
    cost += 0.25 * pixels.weights[i] * Math.log1p(own);
  }
  for (const bend of differences(nodes, 2)) cost += STIFF * (Math.sqrt(1 + bend * bend) - 1);
  return { cost, diagonal, beside, right };
}

/** The step: the data's normal equations with a weak resistance to bending. */
function stepOf({ diagonal, beside, right }, nodes, damping) {
  const main = diagonal.map((value) => value + damping);
  const first = beside.slice(), second = new Float64Array(nodes.length), force = right.slice();
  differences(nodes, 2).forEach((bend, k) => {
    const stiff = STIFF / Math.sqrt(1 + bend * bend);
    main[k] += stiff;
    main[k + 1] += 4 * stiff;
    main[k + 2] += stiff;
    first[k] -= 2 * stiff;
    first[k + 1] -= 2 * stiff;
    second[k] += stiff;
    force[k] -= stiff * bend;
    force[k + 1] += 2 * stiff * bend;
    force[k + 2] -= stiff * bend;
  });
  return solvedBanded(main, first, second, force);
}
