// What may be wrong with a recording, in words: the checks of the Python code, with its limits.

import { general } from "./errors.js";
import { LEADS } from "./header.js";

const LIMB_LEADS = 6;
const AS_READ = [0, 1, 2, 3, 4, 5];

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

const spanOf = (row) => {
  const { low, high } = extremes(row);
  return high - low;
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

/** The header's gain in words: `gain 200/mV`, or the range of several. */
export function gainsNamed(gains) {
  const [low, high] = [Math.min(...gains), Math.max(...gains)];
  return low === high ? `gain ${general(low)}/mV` : `gains ${general(low)} to ${general(high)}/mV`;
}

/** Which slices are padding for the most part: no lead changes in half of it without a break. */
export function blankSlices(signal, starts, length, limits) {
  const isStill = (i) => signal.every((row) => Math.abs(row[i + 1] - row[i]) <= limits.blankStep);
  return starts.map((start) =>
    longestRun(length - 1, (i) => isStill(start + i)) + 1 >= limits.blankShare * length);
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
  return cut.length ? [`${named(cut)} clipped: peaks are cut off`] : [];
}

function outsidePicture(signal, limits) {
  const shares = signal.map((row) =>
    row.reduce((count, value) => count + (Math.abs(value) > limits.pictureLimit ? 1 : 0), 0) /
    row.length);
  const cut = LEADS.filter((_, i) => shares[i] >= limits.pictureShare);
  if (!cut.length) return [];
  return [
    `${named(cut)} clipped by the image, which ends at ${limits.pictureLimit} mV either way: ` +
    `up to ${Math.round(Math.max(...shares) * 100)}% of the samples are outside`,
  ];
}

function span(signal, gains, limits) {
  const spans = signal.map(spanOf);
  const largest = Math.max(...spans);
  const wide = LEADS.filter((_, i) => spans[i] > limits.spanHigh);
  const findings = [];
  if (wide.length) {
    findings.push(
      `${named(wide)} spanning up to ${largest.toFixed(0)} mV: ` +
      `a loose electrode, spikes or a wrong ${gainsNamed(gains)}`);
  }
  if (largest < limits.spanLow) {
    findings.push(
      `no lead spans more than ${general(largest, 2)} mV: is the ${gainsNamed(gains)} right?`);
  }
  return findings;
}

/** How tall the beats are in the middle lead: spans of one second, medians of all. */
function heightOf(signal, rate) {
  const second = Math.max(Math.round(rate), 1);
  return median(signal.map((row) => {
    const spans = [];
    for (let begin = 0; begin + second <= row.length; begin += second) {
      spans.push(spanOf(row.subarray(begin, begin + second)));
    }
    return spans.length ? median(spans) : spanOf(row);
  }));
}

function tall(signal, rate, gains, limits) {
  const height = heightOf(signal, rate);
  if (height <= limits.tallLimit) return [];
  const known = gains.every((gain) => gain === 200)
    ? " (some published headers state 200/mV where a step is 1 uV: five times too tall)" : "";
  return [
    `beats of ${height.toFixed(1)} mV in the middle lead, usual below 2: is the header's ` +
    `${gainsNamed(gains)} right${known}?`,
  ];
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

function misfitOf(products, order, band) {
  let sum = 0;
  band.relations.forEach((row, a) => row.forEach((weight, b) => {
    sum += weight * products[order[a]][order[b]];
  }));
  return Math.sqrt(Math.max(sum, 0));
}

/** What explains the limb leads by gains of their own in the header, or null. */
function unequalGains(signal, rate, gains, limits, band) {
  const limb = gains.length === LEADS.length ? gains.slice(0, LIMB_LEADS) : [];
  if (new Set(limb).size < 2) return null;
  const mean = limb.reduce((sum, gain) => sum + gain, 0) / LIMB_LEADS;
  const oneGain = limb.map((gain, i) => signal[i].map((value) => value * (gain / mean)));
  const products = limbLeadProducts(oneGain, rate, limits, band);
  const misfit = products === null ? 0 : misfitOf(products, AS_READ, band);
  if (misfit > limits.relationLimit) return null;
  return `their unequal ${gainsNamed(limb)} in the header are the likely cause; with one gain ` +
    `for all six the misfit is ${misfit.toFixed(3)}`;
}

function limbLeadOrder(signal, rate, gains, limits, band) {
  const products = limbLeadProducts(signal, rate, limits, band);
  if (products === null) return [];
  const asRead = misfitOf(products, AS_READ, band);
  if (asRead <= limits.relationLimit) return [];
  const finding =
    `limb leads violate Einthoven's law, I + III = II (misfit ${asRead.toFixed(2)}, usual ` +
    `below ${limits.relationLimit}): `;
  const cause = unequalGains(signal, rate, gains, limits, band);
  if (cause !== null) return [finding + cause];
  let best = null;
  for (const order of permutations(AS_READ)) {
    const misfit = misfitOf(products, order, band);
    if (best === null || misfit < best.misfit) best = { order, misfit };
  }
  if (best.misfit > limits.relationLimit) {
    return [`${finding}wrong lead order, a wrong gain or strong artefacts suspected`];
  }
  const exchanged = best.order
    .map((source, target) => (source === target ? null : `${LEADS[source]} as ${LEADS[target]}`))
    .filter((text) => text !== null);
  return [`${finding}wrong lead order suspected; consistent if read as ${exchanged.join(", ")}`];
}

/**
 * What a reader should know before trusting a reading of this record.
 * @param {object} record from `readRecord`
 * @param {object} quality limits and filter, written by `page.assets`
 * @returns {string[]} one sentence a finding
 */
export function warningsOf(record, { limits, band }) {
  const { signal, rate, headerRate, gains } = record;
  const coarse = headerRate < limits.coarsestRate
    ? [`sampled at ${general(headerRate)} Hz only: waves are coarse`] : [];
  return [
    ...record.warnings,
    ...flat(signal, rate, limits),
    ...clipped(signal, rate, limits),
    ...outsidePicture(signal, limits),
    ...span(signal, gains, limits),
    ...tall(signal, rate, gains, limits),
    ...coarse,
    ...limbLeadOrder(signal, rate, gains, limits, band),
  ];
}
