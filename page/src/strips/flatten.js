// From a lattice to a flat page: nodes measured again and smoothed, then one resampling
// (`ekg/strips/flatten.py`).

import constants from "./constants.js";
import { CELL, GOOD, Grower } from "./grid.js";
import { clip, interpolated, percentile, Plane, rint } from "./numeric/arrays.js";
import { sampledAt } from "./numeric/filters.js";
import { solved, splineCoefficients } from "./numeric/linear.js";
import { dilated } from "./numeric/shapes.js";

export const { FLAT } = constants.flatten;
const { _FOLLOW: FOLLOW, _MARGIN: MARGIN, _COARSE: COARSE } = constants.flatten;

/**
 * Measure the nodes again on the flattened page with the ink masked out.
 * @param {object} lattice as it was grown
 * @param {Grower} grower that grew it
 * @param {{most: Plane, least: Plane}} planes darkness
 * @returns {{rows, columns, x, y, quality}} the lattice, complete and with a margin
 */
export function refine(lattice, grower, planes) {
  let nodes = complete({ ...lattice, ...smoothed(lattice, lattice.unit) });
  let quality = null;
  for (let round = 0; round < 2; round++) {
    const [xs, ys, rows, columns] = placesOf(nodes, COARSE);
    const most = new Plane(rows, columns, sampledAt(planes.most, xs, ys));
    const least = new Plane(rows, columns, sampledAt(planes.least, xs, ys));
    const seen = inkOf(least, COARSE).map((ink) => 1 - ink, Float32Array);
    const flat = new Grower(most, seen, { right: [COARSE, 0], down: [0, COARSE] });
    flat.strength = [...interpolated(flat.harmonics, grower.harmonics, grower.strength)];
    flat.reach = grower.reach;
    const measured = measuredAgain(flat, nodes.rows, nodes.columns);
    ({ quality } = measured);
    const smooth = smoothed(measured, COARSE);
    nodes = moved(nodes, smooth);
  }
  return { ...nodes, quality };
}

/** The nodes after each has moved, in its own directions, as far as its flat place is off. */
function moved(nodes, smooth) {
  const { rows, columns } = nodes;
  const x = nodes.x.slice(), y = nodes.y.slice();
  const step = (values, row, column, down) => {
    const [size, at] = down ? [rows, row] : [columns, column];
    const low = Math.max(0, at - 1), high = Math.min(size - 1, at + 1);
    const [one, two] = down
      ? [low * columns + column, high * columns + column] : [row * columns + low, row * columns + high];
    return (values[two] - values[one]) / (high - low) / CELL;
  };
  const off = (value, place) => clip(Number.isFinite(value) ? value - place : 0,
    -1.5 * COARSE, 1.5 * COARSE) / COARSE;
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const across = off(smooth.x[at], column * CELL * COARSE);
      const along = off(smooth.y[at], row * CELL * COARSE);
      x[at] += across * step(nodes.x, row, column, false) + along * step(nodes.x, row, column, true);
      y[at] += across * step(nodes.y, row, column, false) + along * step(nodes.y, row, column, true);
    }
  }
  return { rows, columns, x, y };
}

function measuredAgain(grower, rows, columns) {
  const size = rows * columns;
  const found = {
    rows, columns, x: new Float64Array(size), y: new Float64Array(size), quality: new Float64Array(size),
  };
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const x = column * CELL * COARSE, y = row * CELL * COARSE;
      const node = grower.measure(x, y, [COARSE, 0], [0, COARSE]);
      const good = node.quality > GOOD;
      found.x[at] = good ? node.x : x;
      found.y[at] = good ? node.y : y;
      found.quality[at] = good ? node.quality : 0;
    }
  }
  return found;
}

/** x and y in the picture of each pixel of the flat page at `scale` pixels a mm, and its shape. */
function placesOf(nodes, scale) {
  const step = CELL * scale;
  const rows = (nodes.rows - 1) * step + 1, columns = (nodes.columns - 1) * step + 1;
  const down = splineWeights(nodes.rows, rows, step), right = splineWeights(nodes.columns, columns, step);
  const [xs, ys] = [nodes.x, nodes.y].map((values) => {
    // Coefficients along both axes, then the sums of four by four at each pixel.
    const c = new Float64Array(values.length);
    for (let row = 0; row < nodes.rows; row++) {
      const line = values.subarray(row * nodes.columns, (row + 1) * nodes.columns);
      c.set(splineCoefficients(line), row * nodes.columns);
    }
    for (let column = 0; column < nodes.columns; column++) {
      const line = Float64Array.from({ length: nodes.rows }, (_, row) => c[row * nodes.columns + column]);
      splineCoefficients(line).forEach((one, row) => { c[row * nodes.columns + column] = one; });
    }
    const out = new Float32Array(rows * columns);
    const line = new Float64Array(nodes.columns);
    for (let y = 0; y < rows; y++) {
      line.fill(0);
      for (let k = 0; k < 4; k++) {
        const weight = down.weight[4 * y + k], from = down.index[4 * y + k] * nodes.columns;
        for (let x = 0; x < nodes.columns; x++) line[x] += weight * c[from + x];
      }
      for (let x = 0, at = y * columns; x < columns; x++) {
        const k = 4 * x;
        out[at + x] = right.weight[k] * line[right.index[k]] +
          right.weight[k + 1] * line[right.index[k + 1]] +
          right.weight[k + 2] * line[right.index[k + 2]] +
          right.weight[k + 3] * line[right.index[k + 3]];
      }
    }
    return out;
  });
  return [xs, ys, rows, columns];
}

/** Which four coefficients, with which weights, make the spline at each place. */
function splineWeights(count, size, step) {
  const index = new Int32Array(4 * size), weight = new Float64Array(4 * size);
  for (let i = 0; i < size; i++) {
    const below = Math.floor(i / step), part = i / step - below;
    const weights = [
      (1 - part) ** 3 / 6,
      (4 - 6 * part ** 2 + 3 * part ** 3) / 6,
      (4 - 6 * (1 - part) ** 2 + 3 * (1 - part) ** 3) / 6,
      part ** 3 / 6,
    ];
    for (let k = 0; k < 4; k++) {
      const at = Math.abs(below + k - 1);
      index[4 * i + k] = clip(at > count - 1 ? 2 * (count - 1) - at : at, 0, count - 1);
      weight[4 * i + k] = weights[k];
    }
  }
  return { index, weight };
}

/** How dark the grid is at each pixel of a flat page: the median over the cells around. */
export function gridOf(dark, scale) {
  const cell = rint(CELL * scale);
  return cellMedian(cellMedian(dark, cell, 0), cell, 1);
}

function cellMedian(dark, cell, axis) {
  const { rows, columns, data } = dark;
  const size = axis === 0 ? rows : columns;
  const count = Math.ceil(size / cell), step = axis === 0 ? columns : 1;
  // Of each place along the axis: where its cell's seven neighbours are, from the line's first.
  const near = Array.from({ length: 7 }, (_, k) => Int32Array.from({ length: size }, (_, place) => {
    const own = Math.floor(place / cell);
    return Math.min(clip(own + k - 3, 0, count - 1) * cell + place - own * cell, size - 1) * step;
  }));
  const [n0, n1, n2, n3, n4, n5, n6] = near;
  const out = dark.like();
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      const place = axis === 0 ? y : x, first = axis === 0 ? x : y * columns;
      out.data[i] = middleOfSeven(data[first + n0[place]], data[first + n1[place]],
        data[first + n2[place]], data[first + n3[place]], data[first + n4[place]],
        data[first + n5[place]], data[first + n6[place]]);
    }
  }
  return out;
}

/** The median of seven values, by the exchanges of `_EXCHANGES` in Python. */
function middleOfSeven(a, b, c, d, e, f, g) {
  let t;
  if (a > f) { t = a; a = f; f = t; }
  if (a > d) { t = a; a = d; d = t; }
  if (b > g) { t = b; b = g; g = t; }
  if (c > e) { t = c; c = e; e = t; }
  if (a > b) { b = a; }
  if (d > f) { t = d; d = f; f = t; }
  if (c > g) { t = c; c = g; g = t; }
  if (c > d) { t = c; c = d; d = t; }
  if (d > g) { d = g; }
  if (e > f) { e = f; }
  if (b > e) { t = b; b = e; e = t; }
  if (b > d) { d = b; }
  return d > e ? e : d;
}

/** Where there is ink on a flat page: darker, in all channels, than the grid there. */
export function inkOf(least, scale) {
  const grid = gridOf(least, scale);
  const rest = least.map((dark, i) => dark - grid.data[i]);
  const some = [];
  for (let y = 0; y < rest.rows; y += 4) {
    for (let x = 0; x < rest.columns; x += 4) some.push(Math.abs(rest.data[y * rest.columns + x]));
  }
  const limit = Math.max(0.15, 4 * percentile(Float32Array.from(some), 75));
  return dilated(rest.map((one) => (one > limit ? 1 : 0), Uint8Array), Math.max(1, rint(0.3 * scale)));
}

const REACH = 3;
const AROUND = [];
for (let v = -REACH; v <= REACH; v++) {
  for (let u = -REACH; u <= REACH; u++) {
    const [x, y] = [u / REACH, v / REACH];
    AROUND.push({
      down: v, right: u, terms: [1, x, y, x * x, x * y, y * y],
      bell: Math.exp((-0.5 * (x * x + y * y)) / 0.7 ** 2),
    });
  }
}

/**
 * The nodes' places; one that is off its 7 x 7 neighbours follows them.
 * @param {number} unit pixels a millimetre
 */
export function smoothed({ rows, columns, x, y, quality }, unit, rounds = 2) {
  const out = { x: x.slice(), y: y.slice() };
  const cell = CELL * unit;
  const near = AROUND.map(() => ({ x: 0, y: 0, share: 0, terms: null }));
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      AROUND.forEach(({ down, right, terms, bell }, k) => {
        const [j, i] = [row + down, column + right];
        const from = j * columns + i;
        const there = j >= 0 && j < rows && i >= 0 && i < columns && Number.isFinite(x[from]);
        near[k].x = there ? x[from] : 0;
        near[k].y = there ? y[from] : 0;
        near[k].share = there && quality[from] > 0 ? Math.min(quality[from], 8) * bell : 0;
        near[k].terms = terms;
      });
      const { fit, enough } = quadratic(near, cell, rounds);
      const seen = quality[at] > 0;
      const own = Math.hypot((Number.isFinite(x[at]) ? x[at] : 0) - fit[0],
        (Number.isFinite(y[at]) ? y[at] : 0) - fit[1]) / cell;
      if (enough && (!seen || own > FOLLOW)) {
        [out.x[at], out.y[at]] = fit;
      } else if (enough) {
        // What is near the fit keeps half of its own place: folds are sharper than a quadratic.
        out.x[at] = 0.5 * (out.x[at] + fit[0]);
        out.y[at] = 0.5 * (out.y[at] + fit[1]);
      } else if (!seen) {
        out.x[at] = NaN;
        out.y[at] = NaN;
      }
    }
  }
  return { ...out, rows, columns, quality };
}

/** Where a quadratic through weighted neighbours puts the middle one; what is off loses weight. */
function quadratic(near, cell, rounds) {
  let fit = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const system = Array.from({ length: 6 }, (_, a) => {
      const row = new Float64Array(6);
      row[a] = 1e-6 + (a > 2 ? 1e-3 : 0);
      return row;
    });
    const rightX = new Float64Array(6), rightY = new Float64Array(6);
    for (const { x, y, share, terms } of near) {
      if (!share) continue;
      for (let a = 0; a < 6; a++) {
        const own = share * terms[a];
        for (let b = 0; b < 6; b++) system[a][b] += own * terms[b];
        rightX[a] += own * x;
        rightY[a] += own * y;
      }
    }
    const [inX, inY] = [solved(system, rightX), solved(system, rightY)];
    fit = [inX[0], inY[0]];
    for (const one of near) {
      if (!one.share) continue;
      let [offX, offY] = [one.x, one.y];
      for (let a = 0; a < 6; a++) {
        offX -= inX[a] * one.terms[a];
        offY -= inY[a] * one.terms[a];
      }
      one.share /= 1 + (Math.hypot(offX, offY) / cell / FOLLOW) ** 2;
    }
  }
  return { fit, enough: near.reduce((count, one) => count + (one.share > 1e-3), 0) >= 8 };
}

/** Fill nodes that are missing and continue the lattice, by lines through its neighbours. */
export function complete(lattice, margin = MARGIN) {
  const rows = lattice.rows + 2 * margin, columns = lattice.columns + 2 * margin;
  const x = new Float64Array(rows * columns).fill(NaN), y = x.slice();
  for (let row = 0; row < lattice.rows; row++) {
    const from = row * lattice.columns, at = (row + margin) * columns + margin;
    x.set(lattice.x.subarray(from, from + lattice.columns), at);
    y.set(lattice.y.subarray(from, from + lattice.columns), at);
  }
  for (let round = 0; round < 200; round++) {
    const fills = [];
    let missing = false;
    for (let row = 0, at = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at++) {
        if (Number.isFinite(x[at])) continue;
        missing = true;
        let [sumX, sumY, count] = [0, 0, 0];
        for (const [down, right] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) {
          const [j, i] = [row + 2 * down, column + 2 * right];
          if (j < 0 || j >= rows || i < 0 || i >= columns) continue;
          const one = (row + down) * columns + column + right, two = j * columns + i;
          if (!Number.isFinite(x[one]) || !Number.isFinite(x[two])) continue;
          sumX += 2 * x[one] - x[two];
          sumY += 2 * y[one] - y[two];
          count++;
        }
        if (count) fills.push([at, sumX / count, sumY / count]);
      }
    }
    if (!missing || !fills.length) break;
    for (const [at, toX, toY] of fills) [x[at], y[at]] = [toX, toY];
  }
  return { rows, columns, x, y };
}

/**
 * Resample the picture once, to `FLAT` pixels a millimetre.
 * @param {{width, height, data}} picture at a scale not much finer than that
 * @param {object} nodes the complete lattice, in pixels of the picture
 * @returns {{rows, columns, rgb: Plane[], mapX: Plane, mapY: Plane, inside: Uint8Array, nodes}}
 */
export function flatten(picture, nodes) {
  const [xs, ys, rows, columns] = placesOf(nodes, FLAT);
  const { width, height, data } = picture;
  const inside = new Uint8Array(xs.length);
  for (let i = 0; i < xs.length; i++) {
    inside[i] = xs[i] >= 0 && ys[i] >= 0 && xs[i] <= width - 1 && ys[i] <= height - 1 ? 1 : 0;
  }
  const rgb = [0, 1, 2].map((channel) => {
    const plane = new Plane(height, width, new Uint8Array(width * height));
    for (let i = 0; i < plane.data.length; i++) plane.data[i] = data[3 * i + channel];
    return new Plane(rows, columns, sampledAt(plane, xs, ys));
  });
  return {
    rows, columns, rgb, mapX: new Plane(rows, columns, xs), mapY: new Plane(rows, columns, ys), inside, nodes,
  };
}
