// From files to what the network is to see: the record, its slices, and what to know beforehand.

import { InputError } from "./errors.js";
import { blankSlices, gainsNamed, isFlatThroughout, warningsOf } from "./quality.js";
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
  const { length } = slicing;
  const samples = record.signal[0].length;
  const all = await sliceStarts(record.name, samples, slicing);
  if (isFlatThroughout(record.signal, quality.limits)) {
    throw new InputError(
      "all leads are flat throughout: there is no EKG in this recording, or the header's " +
      `${gainsNamed(record.gains)} is wrong`, { file: record.fileName });
  }
  const isBlank = blankSlices(record.signal, all, length, quality.limits);
  const starts = all.filter((_, i) => !isBlank[i]);
  const blank = all.filter((_, i) => isBlank[i]);
  if (!starts.length) {
    throw new InputError("all slices are blank: no lead changes in most of the recording",
      { file: record.fileName, remedy: "cut the padding off, or read a part (From and To)" });
  }
  const warnings = warningsOf(record, quality);
  if (blank.length) {
    warnings.push(
      `${blank.length} of ${all.length} slices (from sample ${blank.join(", ")}) ` +
      `${blank.length > 1 ? "are" : "is"} blank and without a vote: no lead changes there`);
  }
  if (numberOfSlices(samples, slicing) < 2) {
    warnings.push(
      `very short (${(samples / slicing.rate).toFixed(1)} s): the verdict rests on one slice`);
  }
  return { record, starts, warnings };
}
