// Find a place where the paper's grid is clear (`ekg/strips/seed.py`).

import constants from "./constants.js";
import {
  argmax, clip, largest, linspace, mean, median, percentile, Plane, range, rint,
} from "./numeric/arrays.js";
import { gaussianLine, maximumLine, sampledAt } from "./numeric/filters.js";
import { magnitudes } from "./numeric/fourier.js";

const { _USUAL_LENGTH: USUAL_LENGTH, _INNER: INNER } = constants.seed;
const radians = (degrees) => (degrees * Math.PI) / 180;

/**
 * A place with a clear grid; null where there is none.
 * @param {Plane} dark darkness in the darkest channel
 * @returns {{x: number, y: number, right: number[], down: number[], score: number,
 *   margin: number} | null} `right` and `down`: pixels for one millimetre along the paper's axes
 */
export function findSeed(dark) {
  const side = Math.min(Math.max(dark.rows, dark.columns) > 900 ? 256 : 160, dark.rows, dark.columns);
  const rays = tiles(dark, side).map(([y, x]) => raysOf(dark, y, x, side));
  rays.sort((a, b) => b.clarity - a.clarity);
  let best = null;
  for (const ray of rays.slice(0, 6)) {
    const seed = seedOf(ray, Math.max(dark.rows, dark.columns));
    if (seed && (best === null || seed.score > best.score)) best = seed;
  }
  return best;
}

/** The corners of up to 25 tiles, spread over the image. */
function tiles(dark, side) {
  const [ys, xs] = [dark.rows, dark.columns].map((size) => {
    const count = Math.max(1, Math.min(5, Math.floor((2 * size) / side)));
    const places = count === 1 ? [0] : [...linspace(0, size - side, count)].map(Math.trunc);
    return [...new Set(places)].sort((a, b) => a - b);
  });
  return ys.flatMap((y) => xs.map((x) => [y, x]));
}

/** The spectrum of a tile along the two directions in which most of its power lies. */
function raysOf(dark, top, left, side) {
  const tile = dark.part(top, top + side, left, left + side);
  const values = tile.data;
  const ceiling = Math.max(0.03, percentile(values, 90));
  for (let i = 0; i < values.length; i++) values[i] = clip(values[i], -0.1, ceiling);
  const level = mean(values);
  const window = Float32Array.from(
    { length: side }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (side - 1)));
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) values[i] = (values[i] - level) * window[y] * window[x];
  }
  const size = 2 * side, half = (size >> 1) + 1;
  const spectrum = new Plane(size, half, magnitudes(tile, size));
  const count = Math.trunc(0.46 * size) - INNER;
  const polar = range(180).map((angle) => {
    const xs = new Float64Array(count), ys = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const x = Math.cos(radians(angle)) * (INNER + i), y = Math.sin(radians(angle)) * (INNER + i);
      xs[i] = Math.abs(x);
      ys[i] = (((x < 0 ? -y : y) % size) + size) % size;
    }
    return sampledAt(spectrum, xs, ys);
  });
  const power = polar.map((ray) => {
    let total = 0;
    for (let i = Math.floor(side / 32); i < count; i++) total += ray[i] * ray[i];
    return total;
  });
  const usual = median(power) + 1e-9;
  const energy = gaussianLine(power.map((one) => Math.log((one + 1e-9) / usual)), 0.8, true);
  const at = (k) => energy[((k % 180) + 180) % 180];
  let [first, turn, most] = [0, 0, -Infinity];
  for (let k = 0; k < 180; k++) {
    for (let t = 65; t < 116; t++) {
      if (energy[k] + at(k + t) > most) [first, turn, most] = [k, t, energy[k] + at(k + t)];
    }
  }
  const second = (first + turn) % 180;
  const logs = polar.map((ray) => ray.map((one) => Math.log(one + 1e-6)));
  const middles = range(count).map((i) => median(logs.map((ray) => ray[i])));
  const levelOf = (k) => Float64Array.from({ length: count }, (_, i) => largest([-1, 0, 1].map(
    (step) => clip(logs[(k + step + 180) % 180][i] - middles[i], -0.5, 5.0))));
  return {
    x: left + side / 2,
    y: top + side / 2,
    size,
    directions: [first, second].map((k) => radians(k + vertex(at(k - 1), at(k), at(k + 1)))),
    levels: [levelOf(first), levelOf(second)],
    clarity: Math.min(energy[first], energy[second]),
  };
}

/** Where, between -0.5 and 0.5, the parabola through three values is largest. */
function vertex(low, mid, high) {
  const bend = low - 2 * mid + high;
  return bend < 0 ? clip((0.5 * (low - high)) / bend, -0.5, 0.5) : 0;
}

function seedOf(rays, longest) {
  const last = Math.log(rays.size / 5.2);
  const periods = [];
  for (let i = 0; Math.log(4) + i * 0.004 < last; i++) periods.push(Math.exp(Math.log(4) + i * 0.004));
  const scores = rays.levels.map((level) => combs(level, periods.map((one) => rays.size / one)));
  const reach = rint(0.25 / 0.004); // perspective makes the two periods differ
  const wide = maximumLine(scores[1], 2 * reach + 1);
  const joint = scores[0].map((score, i) => score + wide[i]);
  const best = largest(joint);
  const around = maximumLine(joint, 11);
  const meanings = [];
  for (let place = 0; place < joint.length; place++) {
    if (joint[place] < 0.6 * best || joint[place] < around[place] - 1e-9) continue;
    const begin = Math.max(0, place - reach);
    const window = scores[1].slice(begin, place + reach + 1);
    const other = begin + argmax(window.map((score, i) =>
      score - 2.0 * Math.abs(begin + i - place) * 0.004));
    const pair = [periods[place], periods[other]];
    const score = scores[0][place] + scores[1][other];
    const fine = rays.levels.reduce(
      (total, level, axis) => total + fineLines(level, rays.size / pair[axis]), 0);
    for (const cell of [5.0, 1.0]) {
      const unit = Math.sqrt(pair[0] * pair[1]) / cell;
      if (!(unit > 0.9 && unit < 40)) continue;
      const prior = -0.5 * (Math.log(longest / unit / USUAL_LENGTH) / 0.45) ** 2;
      meanings.push({ total: score + (cell === 5 ? 0.5 : -0.5) * fine + prior, pair, cell, score });
    }
  }
  if (!meanings.length) return null;
  meanings.sort((a, b) => b.total - a.total);
  const [{ total, pair, cell, score }] = meanings;
  const rivals = meanings.filter((one) =>
    Math.abs(Math.log(((one.pair[0] / pair[0]) * cell) / one.cell)) > 0.1).map((one) => one.total);
  const [one, two] = oriented(rays.directions.map((angle, axis) => [
    (Math.cos(angle) / pair[axis]) * cell, (Math.sin(angle) / pair[axis]) * cell]));
  const determinant = one[0] * two[1] - one[1] * two[0];
  return {
    x: rays.x,
    y: rays.y,
    right: [two[1] / determinant, -two[0] / determinant],
    down: [-one[1] / determinant, one[0] / determinant],
    score: score + 0.5 * rays.clarity,
    margin: rivals.length ? total - largest(rivals) : 9.0,
  };
}

/** How well the multiples of each frequency explain a ray's peaks, and are all there. */
function combs(level, spacings) {
  const usual = median(level);
  const high = maximumLine(level, 3).map((one) => one - usual);
  const peaks = [];
  for (let i = 1; i < level.length - 1; i++) {
    if (level[i] > level[i - 1] && level[i] >= level[i + 1] && level[i] > 1.2) {
      peaks.push({ radius: i + INNER, weight: level[i] ** 2, reach: 1 + 0.004 * (i + INNER) });
    }
  }
  const total = Math.max(peaks.reduce((sum, peak) => sum + peak.weight, 0), 1e-6);
  return Float64Array.from(spacings, (spacing) => {
    let there = 0, valid = 0;
    for (let multiple = 1; multiple < 9; multiple++) {
      const place = rint(spacing * multiple) - INNER;
      if (place <= 0 || place >= level.length - 1) continue;
      valid++;
      there += clip(high[place], 0, 3);
    }
    if (!valid) return -9;
    let chance = 0, near = 0;
    for (const { radius, weight, reach } of peaks) {
      chance += weight * Math.min(1, (2 * reach) / spacing);
      if (Math.abs(radius - spacing * Math.max(1, rint(radius / spacing))) <= reach) near += weight;
    }
    chance /= total;
    return (3 * (near / total - chance)) / Math.max(1 - chance, 0.2) + there / valid;
  });
}

/** By how much the fifth multiple (1-mm lines) stands out from the fourth and sixth. */
function fineLines(level, spacing) {
  const near = [];
  for (const multiple of [4, 5, 6]) {
    const place = rint(spacing * multiple) - INNER;
    if (place < 1 || place >= level.length - 1) return 0;
    near.push(largest(level.subarray(place - 1, place + 2)));
  }
  return clip(near[1] - Math.max(near[0], near[2]), 0, 2);
}

/** The two gradients as the paper's x and y: rightward and downward in the image. */
function oriented([one, two]) {
  if (Math.abs(one[0]) < Math.abs(two[0])) [one, two] = [two, one];
  if (one[0] < 0) one = one.map((part) => -part);
  if (two[1] < 0) two = two.map((part) => -part);
  return [one, two];
}
