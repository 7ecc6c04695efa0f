// From files to what the network is to see: the record, its slices, and what to know beforehand.

import { InputError } from "./errors.js";
import { isFlatThroughout, warningsOf } from "./quality.js";
import { readRecord } from "./record.js";
import { numberOfSlices, sliceStarts } from "./slices.js";

/**
 * Read a record as `python -m ekg predict` does.
 * @param {object[]} files as for `readRecord`
 * @param {{from?: number | null, to?: number | null}} part
 * @param {{slicing: object, quality: object}} settings written by `page.assets`
 * @returns {Promise<{record: object, starts: number[], warnings: string[]}>}
 */
export async function readForNetwork(files, part, { slicing, quality }) {
  const record = await readRecord(files, slicing.rate, part);
  const samples = record.signal[0].length;
  const starts = await sliceStarts(record.name, samples, slicing);
  if (isFlatThroughout(record.signal, quality.limits)) {
    throw new InputError("all leads are flat throughout: there is no EKG in this recording");
  }
  const warnings = warningsOf(record, quality);
  if (numberOfSlices(samples, slicing) < 2) {
    warnings.push(
      `very short (${(samples / slicing.rate).toFixed(1)} s): the verdict rests on one slice`);
  }
  return { record, starts, warnings };
}
