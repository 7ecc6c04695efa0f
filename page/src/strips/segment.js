// Which pixels of a flattened page are trace, text or marks (`ekg/strips/segment.py`).

import constants from "./constants.js";
import { answerOf } from "./networks.js";
import { clip, Plane, rint } from "./numeric/arrays.js";
import { paddedWithEdge, rankFilter, uniformFilter } from "./numeric/filters.js";

const {
  RESOLUTION, CLASSES, _BLOCK: BLOCK, _WINDOW: WINDOW, _MULTIPLE: MULTIPLE,
} = constants.segment;

/** The colour of the paper around each block of a millimetre, one channel. */
function paperWhite(channel) {
  const rows = Math.ceil(channel.rows / BLOCK), columns = Math.ceil(channel.columns / BLOCK);
  const whole = paddedWithEdge(channel, rows * BLOCK, columns * BLOCK);
  const blocks = new Plane(rows, columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let total = 0;
      for (let y = 0; y < BLOCK; y++) {
        const from = (row * BLOCK + y) * whole.columns + column * BLOCK;
        for (let x = 0; x < BLOCK; x++) total += whole.data[from + x];
      }
      blocks.data[row * columns + column] = total / (BLOCK * BLOCK);
    }
  }
  return uniformFilter(rankFilter(blocks, WINDOW, Math.trunc(WINDOW * WINDOW * 0.75)), 3);
}

/** Brightness and colour relative to the paper, 8 bits each. */
export function greyAndChroma(rgb) {
  const { rows, columns } = rgb[0];
  const [red, green, blue] = rgb.map((plane) => plane.data);
  const whites = rgb.map(paperWhite);
  const [whiteR, whiteG, whiteB] = whites.map((plane) => plane.data.map((one) => Math.max(one, 16)));
  const grey = new Uint8Array(rows * columns), chroma = new Uint8Array(rows * columns);
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      const block = Math.floor(y / BLOCK) * whites[0].columns + Math.floor(x / BLOCK);
      const r = red[i] / whiteR[block], g = green[i] / whiteG[block], b = blue[i] / whiteB[block];
      grey[i] = clip(rint((0.299 * r + 0.587 * g + 0.114 * b) * 200), 0, 255);
      chroma[i] = clip(rint((Math.max(r, g, b) - Math.min(r, g, b)) * 255), 0, 255);
    }
  }
  return { grey, chroma };
}

/** What the network takes: six planes, continued at the right and below to whole multiples. */
function networkInputs({ grey, chroma }, rows, columns) {
  const height = Math.ceil(rows / MULTIPLE) * MULTIPLE, width = Math.ceil(columns / MULTIPLE) * MULTIPLE;
  const size = height * width;
  const out = new Float32Array(6 * size);
  const step = 1 / RESOLUTION;
  const wave = (place, period) => Math.cos((2 * Math.PI * ((place + 0.5) * step)) / period);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.min(y, rows - 1);
    for (let x = 0; x < width; x++, i++) {
      const column = Math.min(x, columns - 1);
      const at = row * columns + column;
      out[i] = grey[at] / 200 - 1;
      out[size + i] = chroma[at] / 255;
    }
  }
  [5.0, 1.0].forEach((period, number) => {
    const across = Float32Array.from({ length: width }, (_, x) => wave(Math.min(x, columns - 1), period));
    const from = (2 + 2 * number) * size;
    for (let y = 0; y < height; y++) {
      out.set(across, from + y * width);
      const down = wave(Math.min(y, rows - 1), period);
      out.fill(down, from + size + y * width, from + size + (y + 1) * width);
    }
  });
  return { out, height, width };
}

/**
 * The probability of each class for each pixel of a flat page.
 * @param {Plane[]} rgb three planes of 8 bits, 6 pixels a mm, a crossing at the first pixel's corner
 * @returns {Promise<Record<"trace" | "text" | "mark" | "background", Plane>>}
 */
export async function segment(rgb) {
  const { rows, columns } = rgb[0];
  const { out, height, width } = networkInputs(greyAndChroma(rgb), rows, columns);
  const logits = await answerOf("segment", out, [1, 6, height, width]);
  const found = CLASSES.map(() => new Plane(rows, columns));
  const size = height * width, n = CLASSES.length;
  const weights = new Float64Array(n);
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      const at = y * width + x;
      let top = -Infinity, total = 0;
      for (let c = 0; c < n; c++) top = Math.max(top, logits[c * size + at]);
      for (let c = 0; c < n; c++) total += weights[c] = Math.exp(logits[c * size + at] - top);
      for (let c = 0; c < n; c++) found[c].data[i] = weights[c] / total;
    }
  }
  return Object.fromEntries(CLASSES.map((name, c) => [name, found[c]]));
}
