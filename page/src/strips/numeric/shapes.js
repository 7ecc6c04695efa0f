// Shapes in masks: what hangs together, boxes, growing and shrinking, as in scipy.ndimage.

import { Plane } from "./arrays.js";

/**
 * Number the parts of a mask that hang together.
 * @param {Plane} mask
 * @param {boolean} corners whether pixels that touch at a corner hang together
 * @returns {{labels: Plane, count: number}} 0 where there is nothing; numbered in reading order
 */
export function labelled(mask, corners) {
  const { rows, columns, data } = mask;
  const labels = mask.like(Int32Array);
  const own = labels.data;
  const parent = [0];
  const root = (a) => {
    while (parent[a] !== a) {
      parent[a] = parent[parent[a]];
      a = parent[a];
    }
    return a;
  };
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      if (!data[i]) continue;
      let label = 0;
      const join = (other) => {
        if (!other) return;
        const at = root(other);
        if (!label) label = at;
        else if (at !== label) {
          const [low, high] = at < label ? [at, label] : [label, at];
          parent[high] = low;
          label = low;
        }
      };
      if (x > 0) join(own[i - 1]);
      if (y > 0) {
        if (corners && x > 0) join(own[i - columns - 1]);
        join(own[i - columns]);
        if (corners && x + 1 < columns) join(own[i - columns + 1]);
      }
      if (!label) {
        label = parent.length;
        parent.push(label);
      }
      own[i] = label;
    }
  }
  const number = new Int32Array(parent.length);
  let count = 0;
  for (let i = 1; i < parent.length; i++) {
    number[i] = parent[i] === i ? ++count : number[root(i)];
  }
  for (let i = 0; i < own.length; i++) own[i] = number[own[i]];
  return { labels, count };
}

/** Top, bottom, left and right (ends excluded) of each numbered part. */
export function boxesOf({ labels, count }) {
  const boxes = Array.from({ length: count }, () => (
    { top: Infinity, bottom: 0, left: Infinity, right: 0 }));
  for (let y = 0, i = 0; y < labels.rows; y++) {
    for (let x = 0; x < labels.columns; x++, i++) {
      if (!labels.data[i]) continue;
      const box = boxes[labels.data[i] - 1];
      if (y < box.top) box.top = y;
      if (y + 1 > box.bottom) box.bottom = y + 1;
      if (x < box.left) box.left = x;
      if (x + 1 > box.right) box.right = x + 1;
    }
  }
  return boxes;
}

/** The sum of `values` over each numbered part. */
export function sumsOf(values, { labels, count }) {
  const sums = new Float64Array(count);
  for (let i = 0; i < labels.data.length; i++) {
    if (labels.data[i]) sums[labels.data[i] - 1] += values[i];
  }
  return sums;
}

export const asLine = (values) => new Plane(1, values.length, Uint8Array.from(values));

const CROSS = [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]];
const SQUARE = [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => [y, x]));

function once(mask, places, grow) {
  const { rows, columns, data } = mask;
  const out = mask.like(Uint8Array);
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      let found = !grow;
      for (const [dy, dx] of places) {
        const row = y + dy, column = x + dx;
        const inside = row >= 0 && row < rows && column >= 0 && column < columns;
        const there = inside && data[row * columns + column] !== 0;
        if (there === grow) {
          found = grow;
          break;
        }
      }
      out.data[i] = found ? 1 : 0;
    }
  }
  return out;
}

/** Grow a mask by a pixel, several times; with corners or as a cross. */
export function dilated(mask, times, corners = false) {
  for (; times > 0; times--) mask = once(mask, corners ? SQUARE : CROSS, true);
  return mask;
}

/** Shrink a mask by a pixel (as a cross), several times; nothing is beyond its edge. */
export function eroded(mask, times) {
  for (; times > 0; times--) mask = once(mask, CROSS, false);
  return mask;
}

export const closed = (mask, times) => eroded(dilated(mask, times), times);

/** Grow a line of 0 and 1 by a window of `size` ones. */
export function dilatedLine(values, size) {
  const before = (size - 1) >> 1, after = size >> 1;
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (values[i]) out.fill(1, Math.max(0, i - before), i + after + 1);
  }
  return out;
}

/** Fill the gaps of a line of 0 and 1 that are narrower than `size`. */
export function closedLine(values, size) {
  const grown = dilatedLine(values, size);
  const before = size >> 1, after = (size - 1) >> 1;
  const out = new Uint8Array(values.length);
  const sums = new Int32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i] + grown[i];
  for (let i = before; i + after < values.length; i++) {
    out[i] = sums[i + after + 1] - sums[i - before] === size ? 1 : 0;
  }
  return out;
}
