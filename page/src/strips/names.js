// Which lead a printed name names: a small network on single words (`ekg/strips/names.py`).

import constants from "./constants.js";
import { answerOf } from "./networks.js";
import { clip, rint } from "./numeric/arrays.js";
import { resized } from "./numeric/pillow.js";

export const { NAMES } = constants.names;
const { HEIGHT, WIDTH, _MARGIN: MARGIN, _USUAL: USUAL } = constants.names;

/** Write a crop, as the network takes it, into `out` from `at` on. */
export function prepare(crop, out, at) {
  const ink = crop.map((value) => clip(value, 0, 1));
  const rows = Math.max(ink.rows, 1), columns = Math.max(ink.columns, 1);
  const factor = Math.min((HEIGHT - 2 * MARGIN) / rows, (WIDTH - 2 * MARGIN) / columns, 4);
  const width = Math.max(rint(columns * factor), 1), height = Math.max(rint(rows * factor), 1);
  const top = (HEIGHT - height) >> 1, left = (WIDTH - width) >> 1;
  if (ink.data.length) {
    const scaled = resized(ink, height, width);
    for (let y = 0; y < height; y++) {
      out.set(scaled.subarray(y * width, (y + 1) * width), at + (top + y) * WIDTH + left);
    }
  }
  // The size is lost by scaling, and tells an I from a separator.
  out.fill(clip(Math.log2(rows / USUAL) / 2, -1, 1), at + HEIGHT * WIDTH, at + 2 * HEIGHT * WIDTH);
}

/** The probability of each of `NAMES` for each crop of ink. */
export async function classifyNames(crops) {
  const each = 2 * HEIGHT * WIDTH;
  const batch = new Float32Array(crops.length * each);
  crops.forEach((crop, k) => prepare(crop, batch, k * each));
  const logits = await answerOf("names", batch, [crops.length, 2, HEIGHT, WIDTH]);
  return crops.map((_, k) => {
    const own = Float64Array.from(logits.subarray(k * NAMES.length, (k + 1) * NAMES.length));
    const top = Math.max(...own);
    const weights = own.map((one) => Math.exp(one - top));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((one) => one / total);
  });
}
