// What may be wrong with a recording, in words: the checks of the Python road, with its limits.

import { LEADS } from "./header.js";

const LIMB_LEADS = 6;

const named = (leads) => (leads.length === 1 ? "lead " : "leads ") + leads.join(", ");
const extremes = (row) => {
  let low = Infinity;
  let high = -Infinity;
  for (const value of row) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
};

function longestRun(length, isMember) {
  let longest = 0;
  let run = 0;
  for (let i = 0; i < length; i++) {
    run = isMember(i) ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
}

function median(row) {
  const sorted = Float64Array.from(row).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Whether no lead ever changes: there is no EKG in it. */
export function isFlatThroughout(signal, limits) {
  return signal.every((row) => {
    const { low, high } = extremes(row);
    return high - low <= limits.flatStep;
  });
}

function flat(signal, rate, limits) {
  const seconds = signal.map((row) =>
    (longestRun(row.length - 1, (i) => Math.abs(row[i + 1] - row[i]) <= limits.flatStep) + 1) /
    rate);
  const whole = signal[0].length / rate;
  const throughout = LEADS.filter((_, i) => seconds[i] >= whole);
  const inPart = LEADS.filter((_, i) => seconds[i] >= limits.flatSeconds && seconds[i] < whole);
  const findings = [];
  if (throughout.length) findings.push(`${named(throughout)} flat throughout`);
  if (inPart.length) {
    const longest = Math.max(...inPart.map((lead) => seconds[LEADS.indexOf(lead)]));
    findings.push(`${named(inPart)} flat for up to ${longest.toFixed(1)} s`);
  }
  return findings;
}

function clipped(signal, rate, limits) {
  const cut = LEADS.filter((_, index) => {
    const row = signal[index];
    const middle = median(row);
    const { low, high } = extremes(row);
    return [high, low].some((extreme) =>
      Math.abs(extreme - middle) >= limits.clippedDistance &&
      longestRun(row.length, (i) => Math.abs(row[i] - extreme) <= limits.flatStep) >=
        limits.clippedSeconds * rate);
  });
  return cut.length ? [`${named(cut)} clipped: peaks are cut off level`] : [];
}

function outsidePicture(signal, limits) {
  const shares = signal.map((row) =>
    row.reduce((count, value) => count + (Math.abs(value) > limits.pictureLimit ? 1 : 0), 0) /
    row.length);
  const cut = LEADS.filter((_, i) => shares[i] >= limits.pictureShare);
  if (!cut.length) return [];
  return [
    `${named(cut)} clipped by the picture, which ends at ${limits.pictureLimit} mV either way: ` +
    `up to ${Math.round(Math.max(...shares) * 100)}% of the samples lie outside`,
  ];
}

function span(signal, limits) {
  const spans = signal.map((row) => {
    const { low, high } = extremes(row);
    return high - low;
  });
  const largest = Math.max(...spans);
  const wide = LEADS.filter((_, i) => spans[i] > limits.spanHigh);
  const findings = [];
  if (wide.length) {
    findings.push(
      `${named(wide)} spanning up to ${Math.round(largest)} mV: ` +
      "a loose electrode, spikes or a wrong gain");
  }
  if (largest < limits.spanLow) {
    findings.push(`no lead spans more than ${Number(largest.toPrecision(2))} mV: is the gain right?`);
  }
  return findings;
}

/** Filter forwards and backwards by second-order sections, as scipy.signal.sosfiltfilt does. */
function filtered(row, band) {
  const { sections, initial, pad } = band;
  const n = row.length;
  const extended = new Float64Array(n + 2 * pad);
  for (let i = 0; i < pad; i++) {
    extended[i] = 2 * row[0] - row[pad - i];
    extended[n + pad + i] = 2 * row[n - 1] - row[n - 2 - i];
  }
  extended.set(row, pad);
  const pass = (values) => {
    const first = values[0];
    sections.forEach(([b0, b1, b2, , a1, a2], s) => {
      let z1 = initial[s][0] * first;
      let z2 = initial[s][1] * first;
      for (let i = 0; i < values.length; i++) {
        const x = values[i];
        const y = b0 * x + z1;
        z1 = b1 * x - a1 * y + z2;
        z2 = b2 * x - a2 * y;
        values[i] = y;
      }
    });
    return values.reverse();
  };
  return pass(pass(extended)).subarray(pad, pad + n);
}

/** Mean products of the limb leads, each second weighing alike; null when nothing happens. */
function limbLeadProducts(signal, rate, limits, band) {
  const rows = signal.slice(0, LIMB_LEADS).map((row) => filtered(row, band));
  const second = Math.round(rate);
  const mean = Array.from({ length: LIMB_LEADS }, () => new Float64Array(LIMB_LEADS));
  let alive = 0;
  for (let begin = 0; begin + second <= rows[0].length; begin += second) {
    const windows = rows.map((row) => {
      const part = row.subarray(begin, begin + second);
      const level = part.reduce((sum, value) => sum + value, 0) / second;
      return part.map((value) => value - level);
    });
    const products = windows.map((a) =>
      windows.map((b) => a.reduce((sum, value, i) => sum + value * b[i], 0)));
    const power = products.reduce((sum, row, i) => sum + row[i], 0);
    if (!(power > second * limits.flatStep ** 2)) continue;
    alive++;
    products.forEach((row, i) => row.forEach((value, j) => { mean[i][j] += value / power; }));
  }
  if (!alive) return null;
  return mean.map((row) => row.map((value) => value / alive));
}

function permutations(items) {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]));
}

function limbLeadOrder(signal, rate, limits, band) {
  const products = limbLeadProducts(signal, rate, limits, band);
  if (products === null) return [];
  const misfitOf = (order) => {
    let sum = 0;
    band.relations.forEach((row, a) => row.forEach((weight, b) => {
      sum += weight * products[order[a]][order[b]];
    }));
    return Math.sqrt(Math.max(sum, 0));
  };
  const asRead = misfitOf([0, 1, 2, 3, 4, 5]);
  if (asRead <= limits.relationLimit) return [];
  const finding =
    `the limb leads contradict I + III = II and its kin (misfit ${asRead.toFixed(2)}, usual ` +
    `below ${limits.relationLimit}): `;
  let best = null;
  for (const order of permutations([0, 1, 2, 3, 4, 5])) {
    const misfit = misfitOf(order);
    if (best === null || misfit < best.misfit) best = { order, misfit };
  }
  if (best.misfit > limits.relationLimit) {
    return [`${finding}wrong lead order, a wrong gain or strong artefacts suspected`];
  }
  const exchanged = best.order
    .map((source, target) => (source === target ? null : `${LEADS[source]} as ${LEADS[target]}`))
    .filter((text) => text !== null);
  return [`${finding}wrong lead order suspected; it would fit to read ${exchanged.join(", ")}`];
}

/**
 * What a reader should know before trusting a reading of this record.
 * @param {{signal: Float64Array[], rate: number, headerRate: number}} record millivolts
 * @param {object} quality limits and filter, written by `page.assets`
 * @returns {string[]} one sentence a finding
 */
export function warningsOf(record, { limits, band }) {
  const { signal, rate, headerRate } = record;
  const coarse = headerRate < limits.coarsestRate
    ? [`sampled at ${headerRate} Hz only: waves are coarse`] : [];
  return [
    ...flat(signal, rate, limits),
    ...clipped(signal, rate, limits),
    ...outsidePicture(signal, limits),
    ...span(signal, limits),
    ...coarse,
    ...limbLeadOrder(signal, rate, limits, band),
  ];
}
