// Follow the paper's grid from a seed: a lattice grown over the page (`ekg/strips/grid.py`).

import constants from "./constants.js";
import { clip, largest, percentile, Plane, rint } from "./numeric/arrays.js";
import { rankFilter } from "./numeric/filters.js";

export const { CELL, GOOD } = constants.grid;
const {
  _HARMONICS: HARMONICS, _BETWEEN: BETWEEN, _WINDOW: WINDOW, _STEPS: STEPS, _BLIND: BLIND,
} = constants.grid;

/**
 * How dark each pixel is against the paper beside it, in the darkest and the lightest channel.
 * @param {{width: number, height: number, data: Uint8Array}} picture
 * @param {number} block side of the blocks from whose bright part the paper's level is taken
 * @returns {{most: Plane, least: Plane}}
 */
export function darkness({ width, height, data }, block) {
  const levels = Float32Array.from({ length: 256 }, (_, i) => Math.log(Math.max(i, 4) / 255));
  const rows = Math.floor(height / block), columns = Math.floor(width / block);
  const step = Math.max(1, block >> 3);
  const most = new Plane(height, width), least = new Plane(height, width);
  const counts = new Uint32Array(256);
  for (let channel = 0; channel < 3; channel++) {
    const bright = new Plane(rows, columns, new Uint8Array(rows * columns));
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        counts.fill(0);
        let number = 0;
        for (let y = 0; y < block; y += step) {
          const from = 3 * ((row * block + y) * width + column * block) + channel;
          for (let x = 0; x < block; x += step, number++) counts[data[from + 3 * x]]++;
        }
        let rank = Math.trunc(0.75 * number), value = 0;
        for (; rank >= counts[value]; value++) rank -= counts[value];
        bright.data[row * columns + column] = value;
      }
    }
    const middle = rankFilter(bright, 5, 12, "nearest");
    const paper = enlarge(middle.map((one) => levels[one], Float32Array), height, width, block, block);
    for (let i = 0; i < paper.data.length; i++) {
      const dark = paper.data[i] - levels[data[3 * i + channel]];
      if (channel === 0 || dark > most.data[i]) most.data[i] = dark;
      if (channel === 0 || dark < least.data[i]) least.data[i] = dark;
    }
  }
  return { most, least };
}

/** Values of blocks as a picture, linear between the blocks' middles. */
export function enlarge(blocks, rows, columns, blockRows, blockColumns) {
  const places = (count, size, block) => {
    const below = new Int32Array(size), above = new Int32Array(size), part = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const place = clip((i + 0.5) / block - 0.5, 0, count - 1);
      below[i] = Math.min(Math.trunc(place), Math.max(count - 2, 0));
      above[i] = Math.min(below[i] + 1, count - 1);
      part[i] = place - below[i];
    }
    return { below, above, part };
  };
  const down = places(blocks.rows, rows, blockRows);
  const right = places(blocks.columns, columns, blockColumns);
  const out = new Plane(rows, columns);
  const line = new Float32Array(blocks.columns);
  for (let y = 0; y < rows; y++) {
    const upper = down.below[y] * blocks.columns, lower = down.above[y] * blocks.columns;
    const part = down.part[y];
    for (let x = 0; x < blocks.columns; x++) {
      line[x] = blocks.data[upper + x] * (1 - part) + blocks.data[lower + x] * part;
    }
    for (let x = 0, at = y * columns; x < columns; x++) {
      out.data[at + x] = line[right.below[x]] * (1 - right.part[x]) + line[right.above[x]] * right.part[x];
    }
  }
  return out;
}

/** Measures where the grid's lines lie beside predicted places. */
export class Grower {
  constructor(dark, weight, seed) {
    const { right, down } = seed;
    this.unit = Math.sqrt(Math.abs(right[0] * down[1] - right[1] * down[0]));
    this.half = Math.ceil(2.0 * WINDOW * this.unit);
    const some = new Float32Array(Math.ceil(dark.rows / 3) * Math.ceil(dark.columns / 3));
    for (let y = 0, i = 0; y < dark.rows; y += 3) {
      for (let x = 0; x < dark.columns; x += 3) some[i++] = dark.data[y * dark.columns + x];
    }
    this.ceiling = Math.max(0.03, percentile(some, 92));
    this.shape = dark;
    this.image = dark.map((value, i) =>
      clip(value, -0.1, this.ceiling) * (weight ? weight.data[i] : 1));
    this.weight = weight;
    this.harmonics = HARMONICS.filter((wave) => wave / this.unit < 0.4);
    this.between = BETWEEN.filter((wave) => wave / this.unit < 0.4);
    this.waves = [...this.harmonics, ...this.between];
    this.strength = this.harmonics.map(() => 1);
    this.reach = 1.2;
    const size = 2 * this.half + 1;
    this.window = new Float32Array(size * size);
    this.bell = Float32Array.from({ length: size }, (_, i) =>
      Math.exp(-0.5 * ((i - this.half) / (WINDOW * this.unit)) ** 2));
    this.lineRe = new Float64Array(this.waves.length);
    this.lineIm = new Float64Array(this.waves.length);
  }

  /**
   * Measure one node.
   * @param {number} x predicted place
   * @param {number} y
   * @param {number[]} right pixels for one millimetre along the paper's x there
   * @param {number[]} down the same along its y
   * @returns {{x: number, y: number, quality: number, strengths: number[][]}}
   */
  measure(x, y, right, down) {
    const [centreX, centreY] = [rint(x), rint(y)];
    const norm = this.fillWindow(centreX, centreY);
    const determinant = right[0] * down[1] - right[1] * down[0];
    const gradients = [
      [down[1] / determinant, -down[0] / determinant],
      [-right[1] / determinant, right[0] / determinant],
    ];
    const moves = [], strengths = [];
    let quality = Infinity;
    const length = Math.sqrt(this.strength.reduce((total, one) => total + one * one, 0));
    const count = this.harmonics.length;
    for (const gradient of gradients) {
      this.phases(centreX - x, centreY - y, gradient, norm);
      const [move, height] = this.shift();
      let noise = 0;
      for (let k = count; k < this.waves.length; k++) {
        noise += this.lineRe[k] ** 2 + this.lineIm[k] ** 2;
      }
      const level = Math.sqrt(noise / this.between.length) + 1e-4;
      quality = Math.min(quality, height / (level * length));
      moves.push(move);
      strengths.push(this.harmonics.map((wave, k) => {
        const angle = 2 * Math.PI * wave * move;
        return this.lineRe[k] * Math.cos(angle) - this.lineIm[k] * Math.sin(angle);
      }));
    }
    return {
      x: x + moves[0] * right[0] + moves[1] * down[0],
      y: y + moves[0] * right[1] + moves[1] * down[1],
      quality,
      strengths,
    };
  }

  /** Fill the weighted window around a pixel, its weighted mean taken out; return the weights' sum. */
  fillWindow(centreX, centreY) {
    const { half, window, bell, image, weight } = this;
    const { rows, columns } = image;
    const size = 2 * half + 1;
    let total = 0, norm = 0;
    for (let j = 0, i = 0; j < size; j++) {
      const y = centreY + j - half;
      const inside = y >= 0 && y < rows;
      for (let k = 0; k < size; k++, i++) {
        const x = centreX + k - half;
        const at = y * columns + x;
        const there = inside && x >= 0 && x < columns;
        const shape = bell[j] * bell[k];
        const value = there ? image.data[at] * shape : 0;
        window[i] = value;
        total += value;
        norm += !weight ? shape : there ? weight.data[at] * shape : 0;
      }
    }
    if (weight) norm = Math.max(norm, 1e-3);
    const mean = total / norm;
    for (let j = 0, i = 0; j < size; j++) {
      const y = centreY + j - half;
      for (let k = 0; k < size; k++, i++) {
        const x = centreX + k - half;
        const there = y >= 0 && y < rows && x >= 0 && x < columns;
        const share = !weight ? 1 : there ? weight.data[y * columns + x] : 0;
        window[i] -= share * bell[j] * bell[k] * mean;
      }
    }
    return norm;
  }

  /** Put the complex amplitude of each wave at the predicted place into `lineRe`, `lineIm`. */
  phases(offsetX, offsetY, gradient, norm) {
    const { half, window, waves, lineRe, lineIm } = this;
    const size = 2 * half + 1;
    const across = waveTables(waves, gradient[0], offsetX - half, size);
    const along = waveTables(waves, gradient[1], offsetY - half, size);
    // Where a gradient is level or upright the sum over the other axis is taken first.
    const level = Math.abs(gradient[1]) < 1e-12, upright = Math.abs(gradient[0]) < 1e-12;
    const line = level || upright ? this.summed(level) : null;
    for (let k = 0; k < waves.length; k++) {
      const at = k * size;
      let re = 0, im = 0;
      if (line) {
        const table = level ? across : along;
        for (let i = 0; i < size; i++) {
          re += line[i] * table.cos[at + i];
          im -= line[i] * table.sin[at + i];
        }
      } else {
        for (let j = 0, i = 0; j < size; j++) {
          let rowRe = 0, rowIm = 0;
          for (let x = 0; x < size; x++, i++) {
            rowRe += window[i] * across.cos[at + x];
            rowIm += window[i] * across.sin[at + x];
          }
          const c = along.cos[at + j], s = along.sin[at + j];
          re += rowRe * c - rowIm * s;
          im -= rowRe * s + rowIm * c;
        }
      }
      lineRe[k] = re / norm;
      lineIm[k] = im / norm;
    }
  }

  /** The window's sums down its columns, or along its rows. */
  summed(down) {
    const size = 2 * this.half + 1;
    const line = new Float64Array(size);
    for (let j = 0, i = 0; j < size; j++) {
      for (let x = 0; x < size; x++, i++) line[down ? x : j] += this.window[i];
    }
    return line;
  }

  /** By how many millimetres the lines lie off, and how strong they are there. */
  shift() {
    const { reach, harmonics, strength, lineRe, lineIm } = this;
    const count = Math.ceil((2 * reach + 0.01) / 0.04);
    const heights = new Float64Array(count);
    for (let k = 0; k < harmonics.length; k++) {
      const turn = 2 * Math.PI * harmonics[k];
      const re = lineRe[k] * strength[k], im = lineIm[k] * strength[k];
      let c = Math.cos(-turn * reach), s = Math.sin(-turn * reach);
      const stepC = Math.cos(turn * 0.04), stepS = Math.sin(turn * 0.04);
      for (let i = 0; i < count; i++) {
        heights[i] += re * c - im * s;
        const next = c * stepC - s * stepS;
        s = c * stepS + s * stepC;
        c = next;
      }
    }
    let place = 0;
    for (let i = 1; i < count; i++) if (heights[i] > heights[place]) place = i;
    place = clip(place, 1, count - 2);
    const [low, mid, high] = [heights[place - 1], heights[place], heights[place + 1]];
    const bend = Math.min(low - 2 * mid + high, -1e-9);
    return [-reach + place * 0.04 + 0.04 * clip((0.5 * (low - high)) / bend, -1, 1), mid];
  }
}

/** Cosines and sines of each wave at `size` places, one pixel apart. */
function waveTables(waves, gradient, first, size) {
  const cos = new Float32Array(waves.length * size), sin = new Float32Array(waves.length * size);
  for (let k = 0; k < waves.length; k++) {
    const turn = 2 * Math.PI * waves[k] * gradient;
    let c = Math.cos(turn * first), s = Math.sin(turn * first);
    const stepC = Math.cos(turn), stepS = Math.sin(turn);
    for (let i = 0; i < size; i++) {
      cos[k * size + i] = c;
      sin[k * size + i] = s;
      const next = c * stepC - s * stepS;
      s = c * stepS + s * stepC;
      c = next;
    }
  }
  return { cos, sin };
}

/** The node nearest to the seed's middle: 5-mm lines first, then all harmonics. */
function seedPhase(grower, seed) {
  let place = { x: seed.x, y: seed.y };
  grower.reach = CELL / 2;
  for (let round = 0; round < 3; round++) {
    place = grower.measure(place.x, place.y, seed.right, seed.down);
    const [one, two] = place.strengths;
    const least = Math.max(0.02 * largest([...one, ...two]), 1e-6);
    const strength = one.map((value, k) => Math.max((value + two[k]) / 2, least));
    const top = Math.max(largest(strength), 1e-9);
    grower.strength = strength.map((value) => value / top);
  }
  const coarse = grower.strength.filter((_, k) => grower.harmonics[k] < 0.95);
  grower.reach = coarse.length && largest(coarse) > 0.15 ? 1.2 : 0.45;
  return place;
}

/** Where nodes lie, every 5 mm, and what is known of each: rows of `count` nodes. */
class Nodes {
  constructor(count) {
    this.count = count;
    const size = count * count;
    for (const name of ["x", "y", "rightX", "rightY", "downX", "downY"]) {
      this[name] = new Float64Array(size).fill(NaN);
    }
    this.quality = new Float64Array(size).fill(-1);
    this.blind = new Int32Array(size);
  }
}

/**
 * Grow the lattice from the seed as far as the grid's lines can be followed.
 * @returns {{lattice: {rows, columns, x, y, quality, unit}, grower: Grower}} places in pixels,
 *   NaN where the lattice did not reach; quality 0 where a node only follows
 */
export function grow(dark, seed, progress = null) {
  const grower = new Grower(dark, null, seed);
  const span = Math.ceil((1.5 * Math.hypot(dark.rows, dark.columns)) / (CELL * grower.unit)) + 4;
  const count = 2 * Math.min(span, 160) + 1;
  const nodes = new Nodes(count);
  const middle = (count >> 1) * count + (count >> 1);
  const start = seedPhase(grower, seed);
  [nodes.x[middle], nodes.y[middle]] = [start.x, start.y];
  nodes.quality[middle] = 9;
  [nodes.rightX[middle], nodes.rightY[middle]] = seed.right;
  [nodes.downX[middle], nodes.downY[middle]] = seed.down;
  let front = [middle];
  while (front.length) {
    const wanted = neighbours(front, nodes);
    const measured = [];
    for (const at of wanted) {
      const guess = predicted(nodes, at);
      if (guess.x > -2 && guess.y > -2 && guess.x < dark.columns + 2 && guess.y < dark.rows + 2) {
        measured.push({ at, ...guess, found: grower.measure(guess.x, guess.y, guess.right, guess.down) });
      } else {
        nodes.quality[at] = 0;
      }
    }
    front = accepted(nodes, measured, grower.unit);
    progress?.();
  }
  return { lattice: trimmed(nodes, grower.unit), grower };
}

function neighbours(front, { count, quality }) {
  const wanted = new Set();
  for (const at of front) {
    const row = Math.floor(at / count), column = at % count;
    for (const [down, right] of STEPS) {
      const [y, x] = [row + down, column + right];
      if (y <= 0 || y >= count - 1 || x <= 0 || x >= count - 1) continue;
      if (quality[y * count + x] < 0) wanted.add(y * count + x);
    }
  }
  return [...wanted].sort((a, b) => a - b);
}

const AROUND = [...STEPS, [1, 1], [1, -1], [-1, 1], [-1, -1]];

/** Where a node should lie, from all neighbours that are known. */
function predicted(nodes, at) {
  const sums = { x: 0, y: 0, rightX: 0, rightY: 0, downX: 0, downY: 0 };
  let total = 0, steps = 99;
  for (const [row, column] of AROUND) {
    const from = at + row * nodes.count + column;
    if (!Number.isFinite(nodes.x[from])) continue;
    let share = Math.max(nodes.quality[from], 0.3);
    if (row !== 0 && column !== 0) share *= 0.4;
    sums.x += share * (nodes.x[from] - CELL * (column * nodes.rightX[from] + row * nodes.downX[from]));
    sums.y += share * (nodes.y[from] - CELL * (column * nodes.rightY[from] + row * nodes.downY[from]));
    for (const name of ["rightX", "rightY", "downX", "downY"]) sums[name] += share * nodes[name][from];
    total += share;
    steps = Math.min(steps, nodes.blind[from]);
  }
  total = Math.max(total, 1e-9);
  return {
    x: sums.x / total,
    y: sums.y / total,
    right: [sums.rightX / total, sums.rightY / total],
    down: [sums.downX / total, sums.downY / total],
    steps,
  };
}

/** Enter measured nodes into the lattice; unseen ones follow, for a few steps. */
function accepted(nodes, measured, unit) {
  const { count, quality, blind } = nodes;
  const front = [];
  for (const { at, x, y, right, down, steps, found } of measured) {
    const seen = found.quality > GOOD;
    blind[at] = seen ? 0 : steps + 1;
    quality[at] = seen ? found.quality : 0;
    if (blind[at] > BLIND) continue;
    [nodes.x[at], nodes.y[at]] = seen ? [found.x, found.y] : [x, y];
    [nodes.rightX[at], nodes.rightY[at]] = right;
    [nodes.downX[at], nodes.downY[at]] = down;
    front.push(at);
  }
  for (const at of front) {
    for (const [step, nameX, nameY] of [[1, "rightX", "rightY"], [count, "downX", "downY"]]) {
      let [sumX, sumY, number] = [0, 0, 0];
      for (const side of [-1, 1]) {
        const other = at + side * step;
        if (!Number.isFinite(nodes.x[other]) || !(quality[other] > 0) || !quality[at]) continue;
        sumX += (side * (nodes.x[other] - nodes.x[at])) / CELL;
        sumY += (side * (nodes.y[other] - nodes.y[at])) / CELL;
        number++;
      }
      if (!number) continue;
      // Half of it: one measured step alone carries the error of two nodes.
      const x = 0.6 * nodes[nameX][at] + 0.4 * (sumX / number);
      const y = 0.6 * nodes[nameY][at] + 0.4 * (sumY / number);
      if (Math.hypot(x - nodes[nameX][at], y - nodes[nameY][at]) < 0.25 * unit) {
        [nodes[nameX][at], nodes[nameY][at]] = [x, y];
      }
    }
  }
  return front;
}

function trimmed({ count, x, y, quality }, unit) {
  let [top, bottom, left, right] = [count, 0, count, 0];
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (!(quality[row * count + column] > 0)) continue;
      top = Math.min(top, row);
      bottom = Math.max(bottom, row + 1);
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
    }
  }
  const part = (values) => new Plane(count, count, values).part(top, bottom, left, right).data;
  return {
    rows: bottom - top,
    columns: right - left,
    x: part(x),
    y: part(y),
    quality: part(quality).map((one) => Math.max(one, 0)),
    unit,
  };
}
