// Where the slices of a record are: the paper's number of them, at places that the record's name
// decides, as on the Python code.

import { InputError } from "./errors.js";
import { distinctNumbers, generatorFor } from "./random.js";

/** How many slices the paper takes of this many samples. */
export function numberOfSlices(samples, slicing) {
  return Math.min(
    Math.trunc((slicing.utilization * samples) / slicing.length), slicing.most);
}

/**
 * First samples of the slices, at least one.
 * @param {{length: number, utilization: number, most: number, seed: number, rate: number}} slicing
 */
export async function sliceStarts(name, samples, slicing) {
  const { length } = slicing;
  if (samples < length) {
    throw new InputError(
      `record ${name} has ${samples} samples at ${slicing.rate} Hz, one slice needs ${length} ` +
      `(${length / slicing.rate} s)`, { remedy: "use a longer recording" });
  }
  const count = Math.max(numberOfSlices(samples, slicing), 1);
  const unused = samples - count * length;
  const places = distinctNumbers(await generatorFor(slicing.seed, name), unused + count, count);
  return places.map((place, i) => place - i + i * length);
}
