// From traces on paper to a recording (`ekg/strips/reading.py`).

import rules from "../../assets/rules.js";
import constants from "./constants.js";
import { clip, differences, finite, interpolated, median, rint, searchSorted } from "./numeric/arrays.js";

export const { RATE } = constants.reading;
const { _LONGEST_GAP: LONGEST_GAP } = constants.reading;

/** The twelve leads of the recording that a page shows, NaN where one is not shown. */
export function toSignal(page) {
  const count = sampleCount(page);
  const signal = rules.leads.map(() => new Float64Array(count).fill(NaN));
  const length = ({ x }) => x[x.length - 1] - x[0];
  for (const trace of [...page.traces].sort((a, b) => length(a) - length(b))) {
    const inverted = trace.lead.startsWith("-");
    const place = rules.leads.indexOf(trace.lead.replace("-", ""));
    if (place < 0) continue;
    const values = sampled(trace, page, count);
    signal[place] = inverted ? values.map((value) => -value) : values;
  }
  return signal;
}

/** How many samples the page's length has, both ends included. */
export const sampleCount = (page) => Math.max(2, rint((page.length / page.scale.speed) * RATE) + 1);

/** A trace in millivolts at 500 Hz from the page's left end, NaN where there is none. */
export function sampled(trace, page, count) {
  const time = [], height = [];
  for (let i = 0; i < trace.x.length; i++) {
    if (!Number.isFinite(trace.y[i])) continue;
    time.push(trace.x[i] / page.scale.speed);
    height.push(trace.y[i] / page.scale.gain);
  }
  if (time.length < 2) return new Float64Array(count).fill(NaN);
  const moments = Float64Array.from({ length: count }, (_, i) => i / RATE);
  const values = interpolated(moments, time, height, NaN, NaN);
  // Only short gaps are filled: between two known points further apart nothing is known.
  const longest = Math.max(LONGEST_GAP, 2 * median(differences(time)));
  if (page.method === "picture") {
    for (let i = 0; i < count; i++) {
      const next = clip(searchSorted(time, moments[i]), 1, time.length - 1);
      if (time[next] - time[next - 1] > longest) values[i] = NaN;
    }
  }
  const known = finite(values);
  const middle = known.length ? median(known) : NaN;
  return values.map((value) => value - middle);
}
