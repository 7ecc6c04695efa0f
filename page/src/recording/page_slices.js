// A recording that was read from a page becomes the slices that the network reads
// (`ekg/predict/pages.py`).

import rules from "../../assets/rules.js";
import { InputError } from "./errors.js";
import { LEADS } from "./header.js";

const { shortest: SHORTEST, column: COLUMN } = rules.pageSlices;

/**
 * Cut slices from a recording whose leads a page shows one after the other.
 * @param {Float64Array[]} signal millivolts, NaN where a lead is not shown
 * @returns {{signal: Float64Array[], begins: number[], warnings: string[]}[]} `begins`: samples
 */
export function pageSlices(signal, { rate, length }, file) {
  const runs = signal.map(longestRun);
  const short = LEADS.filter((_, lead) => runs[lead][1] - runs[lead][0] < SHORTEST * length);
  if (short.length) {
    throw new InputError(
      `the page shows no ${(SHORTEST * length) / rate} s of ${short.join(", ")}`,
      { file, remedy: "the network needs all twelve leads; `python -m ekg read` keeps the others" });
  }
  const starts = runs.map((_, lead) => columnStart(runs, lead, length));
  const count = Math.max(1, Math.min(...runs.map(([, end], lead) =>
    Math.floor((end - starts[lead]) / length))));
  return Array.from({ length: count }, (_, number) => cut(signal, runs, starts, number, rate, length));
}

function cut(signal, runs, starts, number, rate, length) {
  const begins = [];
  let blank = 0;
  const slice = signal.map((row, lead) => {
    const [first, end] = runs[lead];
    const latest = Math.max(end - Math.round(SHORTEST * length), first);
    const start = Math.min(Math.max(starts[lead] + number * length, first), latest);
    const stop = Math.min(start + length, end);
    const out = new Float64Array(length).fill(NaN);
    out.set(row.subarray(start, stop));
    begins.push(start);
    blank = Math.max(blank, out.reduce((sum, value) => sum + Number.isNaN(value), 0) / rate);
    return out;
  });
  const warnings = blank > 0.02 ? [`a column of the page ends ${blank.toFixed(2)} s early`] : [];
  return { signal: slice, begins, warnings };
}

/** First sample and end of the longest run of known samples. */
function longestRun(row) {
  let best = [0, 0];
  for (let i = 0; i < row.length; i++) {
    if (Number.isNaN(row[i])) continue;
    const first = i;
    while (i < row.length && !Number.isNaN(row[i])) i++;
    if (i - first > best[1] - best[0]) best = [first, i];
  }
  return best;
}

/** Where a lead's slice begins: with its column, where a rhythm row is longer. */
function columnStart(runs, lead, length) {
  const [first, end] = runs[lead];
  const begin = Math.floor(lead / COLUMN) * COLUMN;
  const others = runs.filter(([from, to], n) =>
    n >= begin && n < begin + COLUMN && n !== lead && to - from < 1.5 * length);
  if (end - first < 1.5 * length || !others.length) return first;
  return Math.max(...others.map(([start]) => start));
}
