// Vectors and planes of numbers, with numpy's meanings and numpy's rounding.

/** A rectangle of numbers, row by row, in any typed array. */
export class Plane {
  /**
   * @param {number} rows
   * @param {number} columns
   * @param {Float32Array | Float64Array | Uint8Array | Int32Array} data
   */
  constructor(rows, columns, data = new Float32Array(rows * columns)) {
    this.rows = rows;
    this.columns = columns;
    this.data = data;
  }

  /** A plane of the same shape, of zeros. */
  like(kind = this.data.constructor) {
    return new Plane(this.rows, this.columns, new kind(this.data.length));
  }

  copy() {
    return new Plane(this.rows, this.columns, this.data.slice());
  }

  /** Rows `top` to `bottom` and columns `left` to `right` (excluded), clipped to the plane. */
  part(top, bottom, left = 0, right = this.columns) {
    [top, bottom] = [Math.max(0, top), Math.min(this.rows, bottom)];
    [left, right] = [Math.max(0, left), Math.min(this.columns, right)];
    const rows = Math.max(0, bottom - top), columns = Math.max(0, right - left);
    const out = new Plane(rows, columns, new this.data.constructor(rows * columns));
    for (let y = 0; y < rows; y++) {
      const from = (top + y) * this.columns + left;
      out.data.set(this.data.subarray(from, from + columns), y * columns);
    }
    return out;
  }

  /** Fill a part, clipped to the plane, with one value. */
  fill(value, top, bottom, left = 0, right = this.columns) {
    [top, bottom] = [Math.max(0, top), Math.min(this.rows, bottom)];
    [left, right] = [Math.max(0, left), Math.min(this.columns, right)];
    for (let y = top; y < bottom && left < right; y++) {
      this.data.fill(value, y * this.columns + left, y * this.columns + right);
    }
  }

  map(of, kind = this.data.constructor) {
    const out = this.like(kind);
    for (let i = 0; i < out.data.length; i++) out.data[i] = of(this.data[i], i);
    return out;
  }
}

/** Round to the nearest whole number, halves to the even one. */
export function rint(x) {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** Round to this many decimals, as Python's `round` does for what a report holds. */
export function rounded(x, digits) {
  return Number(Number(x).toFixed(digits));
}

export const clip = (x, low, high) => (x < low ? low : x > high ? high : x);

export const range = (count) => Array.from({ length: count }, (_, i) => i);

/** Values from `start`, `step` apart, up to `stop` (excluded). */
export function arange(start, stop, step = 1) {
  const count = Math.max(0, Math.ceil((stop - start) / step));
  return Float64Array.from({ length: count }, (_, i) => start + i * step);
}

export function linspace(first, last, count) {
  const out = new Float64Array(count);
  const step = (last - first) / (count - 1);
  for (let i = 0; i < count; i++) out[i] = first + i * step;
  if (count > 1) out[count - 1] = last;
  return out;
}

export function sum(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

export const mean = (values) => sum(values) / values.length;

/** The mean squared distance from the mean. */
export function variance(values) {
  const middle = mean(values);
  let total = 0;
  for (let i = 0; i < values.length; i++) total += (values[i] - middle) ** 2;
  return total / values.length;
}

const sorted = (values) => Float64Array.from(values).sort();

/** The quantile `share` (0 to 1) of finite values, linear between two. */
export function quantile(values, share) {
  const ordered = values instanceof Float32Array || values instanceof Uint8Array
    ? values.slice().sort() : sorted(values);
  const place = share * (ordered.length - 1);
  const below = Math.min(Math.floor(place), ordered.length - 1);
  const low = ordered[below];
  const high = ordered[Math.min(below + 1, ordered.length - 1)];
  const part = place - below;
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

export const percentile = (values, share) => quantile(values, share / 100);

export function median(values) {
  const ordered = sorted(values);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

export const finite = (values) => values.filter(Number.isFinite);

/** The first place of the largest value. */
export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** The first place of the smallest value. */
export function argmin(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] < values[best]) best = i;
  return best;
}

export function largest(values, least = -Infinity) {
  let top = least;
  for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i];
  return top;
}

export function smallest(values) {
  let low = Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] < low) low = values[i];
  return low;
}

export const spread = (values) => largest(values) - smallest(values);

/** Where a condition holds. */
export function where(count, holds) {
  const found = [];
  for (let i = 0; i < count; i++) if (holds(i)) found.push(i);
  return found;
}

/** The first place in ascending `values` at which `x` could be inserted. */
export function searchSorted(values, x) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Values at `places`, linear between the points (`xs` ascending, `ys`). */
export function interpolated(places, xs, ys, left = ys[0], right = ys[ys.length - 1]) {
  const out = new Float64Array(places.length);
  const last = xs.length - 1;
  let j = 0;
  for (let i = 0; i < places.length; i++) {
    const x = places[i];
    if (x < xs[0]) out[i] = left;
    else if (x > xs[last]) out[i] = right;
    else if (x === xs[last]) out[i] = ys[last];
    else {
      if (!(xs[j] <= x && x < xs[j + 1])) {
        let low = 0, high = last; // xs[low] <= x < xs[high]
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (xs[middle] <= x) low = middle;
          else high = middle;
        }
        j = low;
      }
      out[i] = ys[j] + ((ys[j + 1] - ys[j]) / (xs[j + 1] - xs[j])) * (x - xs[j]);
    }
  }
  return out;
}

/** The differences of neighbours. */
export function differences(values, times = 1) {
  let out = Float64Array.from(values);
  for (; times > 0; times--) {
    const next = new Float64Array(Math.max(0, out.length - 1));
    for (let i = 0; i < next.length; i++) next[i] = out[i + 1] - out[i];
    out = next;
  }
  return out;
}

/** The slope at each value, from both neighbours where there are two (`xs`: equally spaced by 1). */
export function gradient(values, step = 1) {
  const n = values.length;
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const low = Math.max(0, i - 1), high = Math.min(n - 1, i + 1);
    out[i] = (values[high] - values[low]) / ((high - low) * step);
  }
  return out;
}

/** Sums of `values` over the window of `count` ones, centred as in numpy's mode "same". */
export function windowSums(values, count) {
  const n = values.length;
  const out = new Float64Array(Math.max(n, count));
  const cut = Math.floor((Math.min(n, count) - 1) / 2);
  for (let i = 0; i < out.length; i++) {
    let total = 0;
    for (let k = 0; k < count; k++) {
      const at = i + cut - k;
      if (at >= 0 && at < n) total += values[at];
    }
    out[i] = total;
  }
  return out;
}

/** The correlation of two rows of values. */
export function correlation(first, second) {
  const one = mean(first), two = mean(second);
  let both = 0, own = 0, other = 0;
  for (let i = 0; i < first.length; i++) {
    const a = first[i] - one, b = second[i] - two;
    both += a * b;
    own += a * a;
    other += b * b;
  }
  return both / Math.sqrt(own) / Math.sqrt(other);
}

/** The values moved by `by` places to the right; what falls out comes in on the left. */
export function rolled(values, by) {
  const n = values.length;
  return Float64Array.from({ length: n }, (_, i) => values[(((i - by) % n) + n) % n]);
}
