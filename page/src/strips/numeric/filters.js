// Filters with the windows, edges and rounding of scipy.ndimage. Planes are reflected at their
// edges (d c b a | a b c d | d c b a) unless it is said otherwise.

import { Plane } from "./arrays.js";

/** The place inside 0 ... n - 1 that a place outside is reflected to. */
function reflected(i, n) {
  if (n === 1) return 0;
  const period = 2 * n;
  const at = ((i % period) + period) % period;
  return at < n ? at : period - 1 - at;
}

/** Run over all lines of a plane along an axis: `of(line, out)` gets a line and fills another. */
function alongLines(plane, axis, kind, of) {
  const { rows, columns, data } = plane;
  const out = plane.like(kind);
  const length = axis === 0 ? rows : columns;
  const count = axis === 0 ? columns : rows;
  const step = axis === 0 ? columns : 1;
  const line = new Float64Array(length), result = new Float64Array(length);
  for (let k = 0; k < count; k++) {
    const first = axis === 0 ? k : k * columns;
    for (let i = 0; i < length; i++) line[i] = data[first + i * step];
    of(line, result);
    for (let i = 0; i < length; i++) out.data[first + i * step] = result[i];
  }
  return out;
}

/** A line with what its window needs beyond both ends. */
function padded(line, before, after) {
  const n = line.length;
  const out = new Float64Array(n + before + after);
  out.set(line, before);
  for (let i = 0; i < before; i++) out[i] = line[reflected(i - before, n)];
  for (let i = 0; i < after; i++) out[before + n + i] = line[reflected(n + i, n)];
  return out;
}

function meanOfLine(line, out, size) {
  const before = size >> 1;
  const whole = padded(line, before, size - before - 1);
  let total = 0;
  for (let i = 0; i < size; i++) total += whole[i];
  out[0] = total / size;
  for (let i = 1; i < line.length; i++) {
    total += whole[i + size - 1] - whole[i - 1];
    out[i] = total / size;
  }
}

/** The largest (`sign` 1) or smallest (-1) value in each window, by blocks: two passes. */
function extremeOfLine(line, out, size, sign) {
  const before = size >> 1;
  const whole = padded(line, before, size - before - 1);
  const n = whole.length;
  const forward = new Float64Array(n), backward = new Float64Array(n);
  const better = sign > 0 ? (a, b) => (a > b ? a : b) : (a, b) => (a < b ? a : b);
  for (let i = 0; i < n; i++) {
    forward[i] = i % size === 0 ? whole[i] : better(forward[i - 1], whole[i]);
  }
  for (let i = n - 1; i >= 0; i--) {
    backward[i] = (i + 1) % size === 0 || i === n - 1
      ? whole[i] : better(backward[i + 1], whole[i]);
  }
  for (let i = 0; i < line.length; i++) out[i] = better(backward[i], forward[i + size - 1]);
}

/** Rows, taken together, of a window that slides down a plane: whole rows at a time. */
function extremeDown(plane, size, sign) {
  const { rows, columns, data } = plane;
  const before = size >> 1, n = rows + size - 1;
  const kind = data.constructor;
  const forward = new kind(n * columns), backward = new kind(n * columns);
  const source = (i) => reflected(i - before, rows) * columns;
  const put = (into, i, other) => {
    const from = source(i), at = i * columns;
    if (other === null) into.set(data.subarray(from, from + columns), at);
    else if (sign > 0) {
      for (let x = 0; x < columns; x++) {
        const a = into[other * columns + x], b = data[from + x];
        into[at + x] = a > b ? a : b;
      }
    } else {
      for (let x = 0; x < columns; x++) {
        const a = into[other * columns + x], b = data[from + x];
        into[at + x] = a < b ? a : b;
      }
    }
  };
  for (let i = 0; i < n; i++) put(forward, i, i % size === 0 ? null : i - 1);
  for (let i = n - 1; i >= 0; i--) {
    put(backward, i, (i + 1) % size === 0 || i === n - 1 ? null : i + 1);
  }
  const out = plane.like();
  for (let y = 0; y < rows; y++) {
    const a = y * columns, b = (y + size - 1) * columns, at = y * columns;
    for (let x = 0; x < columns; x++) {
      const one = backward[a + x], two = forward[b + x];
      out.data[at + x] = sign > 0 === one > two ? one : two;
    }
  }
  return out;
}

function extreme(plane, size, axis, sign) {
  if (size === 1) return plane.copy();
  if (axis === 0) return extremeDown(plane, size, sign);
  return alongLines(plane, 1, undefined, (line, out) => extremeOfLine(line, out, size, sign));
}

export const maximumAlong = (plane, size, axis) => extreme(plane, size, axis, 1);
export const minimumAlong = (plane, size, axis) => extreme(plane, size, axis, -1);

export const maximumFilter = (plane, size) => maximumAlong(maximumAlong(plane, size, 0), size, 1);

/** What is wider than `size` in both directions: a minimum, then a maximum. */
export function greyOpening(plane, size) {
  const low = minimumAlong(minimumAlong(plane, size, 0), size, 1);
  return maximumAlong(maximumAlong(low, size, 0), size, 1);
}

export function uniformAlong(plane, size, axis) {
  return alongLines(plane, axis, undefined, (line, out) => meanOfLine(line, out, size));
}

export const uniformFilter = (plane, size) => uniformAlong(uniformAlong(plane, size, 0), size, 1);

const onLine = (values, of) => {
  const line = Float64Array.from(values);
  const out = new Float64Array(line.length);
  of(line, out);
  return out;
};

export const uniformLine = (values, size) =>
  onLine(values, (line, out) => meanOfLine(line, out, size));
export const maximumLine = (values, size) =>
  onLine(values, (line, out) => extremeOfLine(line, out, size, 1));

export function medianLine(values, size) {
  return onLine(values, (line, out) => {
    const before = size >> 1;
    const whole = padded(line, before, size - before - 1);
    for (let i = 0; i < line.length; i++) out[i] = whole.slice(i, i + size).sort()[size >> 1];
  });
}

/** The value of this rank in the square window around each pixel. */
export function rankFilter(plane, size, rank, edge = "reflect") {
  const { rows, columns, data } = plane;
  const reach = size >> 1;
  const out = plane.like();
  const window = new Float64Array(size * size);
  const inside = edge === "nearest"
    ? (i, n) => (i < 0 ? 0 : i >= n ? n - 1 : i) : reflected;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      let k = 0;
      for (let dy = -reach; dy <= reach; dy++) {
        const row = inside(y + dy, rows) * columns;
        for (let dx = -reach; dx <= reach; dx++) window[k++] = data[row + inside(x + dx, columns)];
      }
      out.data[y * columns + x] = window.sort()[rank];
    }
  }
  return out;
}

function bell(sigma) {
  const reach = Math.floor(4 * sigma + 0.5);
  const weights = [];
  for (let i = -reach; i <= reach; i++) weights.push(Math.exp((-0.5 / (sigma * sigma)) * i * i));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

function bellOfLine(line, out, weights, wrap) {
  const reach = weights.length >> 1, n = line.length;
  for (let i = 0; i < n; i++) {
    let total = 0;
    for (let k = -reach; k <= reach; k++) {
      const at = wrap ? (((i + k) % n) + n) % n : reflected(i + k, n);
      total += weights[k + reach] * line[at];
    }
    out[i] = total;
  }
}

export const gaussianLine = (values, sigma, wrap = false) =>
  onLine(values, (line, out) => bellOfLine(line, out, bell(sigma), wrap));

export function gaussianFilter(plane, sigma) {
  const weights = bell(sigma);
  const of = (line, out) => bellOfLine(line, out, weights, false);
  return alongLines(alongLines(plane, 0, undefined, of), 1, undefined, of);
}

/** The values of a plane at places (x, y), linear between pixels, the edge's beyond it. */
export function sampledAt(plane, xs, ys, out = new Float32Array(xs.length)) {
  const { rows, columns, data } = plane;
  for (let i = 0; i < xs.length; i++) {
    let x = xs[i], y = ys[i];
    x = x < 0 ? 0 : x > columns - 1 ? columns - 1 : x;
    y = y < 0 ? 0 : y > rows - 1 ? rows - 1 : y;
    const left = x | 0, top = y | 0;
    const dx = x - left, dy = y - top;
    const a = top * columns + left;
    const b = left + 1 < columns ? a + 1 : a;
    const down = top + 1 < rows ? columns : 0;
    out[i] = (data[a] * (1 - dx) + data[b] * dx) * (1 - dy) +
      (data[a + down] * (1 - dx) + data[b + down] * dx) * dy;
  }
  return out;
}

/** Columns or rows repeated beyond the edge, up to a shape. */
export function paddedWithEdge(plane, rows, columns) {
  const out = new Plane(rows, columns, new plane.data.constructor(rows * columns));
  for (let y = 0; y < rows; y++) {
    const from = Math.min(y, plane.rows - 1) * plane.columns;
    const at = y * columns;
    out.data.set(plane.data.subarray(from, from + plane.columns), at);
    out.data.fill(plane.data[from + plane.columns - 1], at + plane.columns, at + columns);
  }
  return out;
}
