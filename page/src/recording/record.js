// A WFDB record: header and signal files in, millivolts at the network's rate out.

import rules from "../../assets/rules.js";
import { general, grouped, InputError, quoted } from "./errors.js";
import { LEADS, millivoltsPerUnit, parseHeader } from "./header.js";
import { completeLimbLeads, computedWarning, placesOfLeads } from "./leads.js";
import { resampled } from "./resample.js";
import { checkKind, findSignalFiles, movedWarning, unverified } from "./signal_files.js";

const CHUNK = 1 << 20; // samples decoded at a time; even, so that packed pairs stay together
const SUM = 65536; // checksums are sums of samples, modulo this

/** Bytes of a sample, WFDB's mark for one that was not taken, and how to decode the i-th. */
const FORMATS = {
  16: { bytes: 2, invalid: -32768, sample: (view, i) => view.getInt16(2 * i, true) },
  24: {
    bytes: 3,
    invalid: -8388608,
    sample: (view, i) => view.getUint16(3 * i, true) | (view.getInt8(3 * i + 2) << 16),
  },
  32: { bytes: 4, invalid: -2147483648, sample: (view, i) => view.getInt32(4 * i, true) },
  61: { bytes: 2, invalid: -32768, sample: (view, i) => view.getInt16(2 * i) },
  80: { bytes: 1, invalid: -128, sample: (view, i) => view.getUint8(i) - 128 },
  160: { bytes: 2, invalid: -32768, sample: (view, i) => view.getUint16(2 * i, true) - 32768 },
  212: {
    bytes: 1.5,
    invalid: -2048,
    sample: (view, i) => {
      const pair = 3 * (i >> 1);
      const low = view.getUint8(i & 1 ? pair + 2 : pair);
      const middle = view.getUint8(pair + 1);
      const high = i & 1 ? middle >> 4 : middle & 0x0f;
      return ((high << 28) >> 20) | low; // twelve bits with sign
    },
  },
};

/** The frames of a signal file, checked against its size; frame: one sample of each signal. */
async function measured(header, file) {
  const group = header.signals.filter((signal) => signal.file === file.wanted);
  const [{ format, offset }] = group;
  const about = { file: header.fileName };
  await checkKind(header, file, group[0], group.length);
  if (!(format in FORMATS)) {
    throw new InputError(
      `signal file ${file.name} has WFDB format ${format}; this page reads formats ` +
      `${Object.keys(FORMATS).join(", ")}`,
      { ...about, remedy: "`python -m ekg predict` reads the others" });
  }
  if (group.some((signal) => signal.samplesPerFrame !== 1 || signal.skew)) {
    throw new InputError("signals of several rates or with a skew are not read on this page",
      { ...about, remedy: "`python -m ekg predict` reads them" });
  }
  const perFrame = group.length * FORMATS[format].bytes;
  const frames = header.samples ?? Math.floor((file.size - offset) / perFrame);
  const needed = offset + Math.floor(frames * perFrame);
  if (frames < 1 || file.size < needed) {
    throw new InputError(
      `signal file ${file.name} has ${file.size} bytes, the header declares ${needed}: ` +
      "it is truncated",
      {
        ...about,
        remedy: "copy or export it again, or correct the header's number of samples",
      });
  }
  return { file, group, format: FORMATS[format], offset, frames, perFrame };
}

/** A duration in the largest fitting unit. */
function duration(seconds) {
  const [size, unit] = [[3600, "h"], [60, "min"]].find(([least]) => seconds >= least) ?? [1, "s"];
  return `${general(seconds / size, 3)} ${unit}`;
}

function checkLength(header, samples, rate) {
  const from = header.samplingFrequency;
  if (samples * Math.max(1, rate / from) <= rules.mostSamples) return;
  const most = Math.max(rate, from);
  const limit = grouped(rules.mostSamples);
  throw new InputError(
    `field \`number of samples\` is ${grouped(samples)} (${duration(samples / from)} at ` +
    `${general(from)} Hz), more than ${limit} at ${general(most)} Hz ` +
    `(${duration(rules.mostSamples / most)}): at most ${limit} samples are read at once`,
    {
      file: header.fileName,
      remedy: "name the part to be read (From and To), or cut the recording",
    });
}

/** The first sample of the part that is asked for, and the one after its last. */
function partOf(header, whole, { from = null, to = null }) {
  if (from === null && to === null) return [0, whole];
  const rate = header.samplingFrequency;
  const [begin, end] = [from ?? 0, to ?? whole / rate];
  const [first, last] = [Math.round(begin * rate), Math.min(Math.round(end * rate), whole)];
  if (!(first >= 0 && first < last)) {
    throw new InputError(
      `there is nothing from ${general(begin)} to ${general(end)} s: it lasts ` +
      `${general(whole / rate)} s`, { file: header.fileName });
  }
  return [first, last];
}

/**
 * Decode the wanted signals of a file: samples first to last, and the sums of all its samples.
 * @param {number[]} places of the wanted signals in a frame
 * @param {boolean} summed whether the sums are needed: only then all of the file is read
 */
async function decode(measure, places, first, last, summed) {
  const { file, group, format, offset, frames, perFrame } = measure;
  const width = group.length;
  const step = Math.max(2, 2 * Math.floor(CHUNK / width / 2));
  const rows = places.map(() => new Float64Array(last - first));
  const sums = places.map(() => 0);
  const begin = summed ? 0 : first - (first % 2);
  const end = summed ? frames : last;
  for (let at = begin; at < end; at += step) {
    const count = Math.min(step, end - at);
    const bytes = await file.read(
      offset + at * perFrame, offset + Math.ceil((at + count) * perFrame));
    const view = new DataView(bytes);
    places.forEach((place, row) => {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const sample = format.sample(view, i * width + place);
        sum += sample;
        const target = at + i - first;
        if (target >= 0 && at + i < last) rows[row][target] = sample;
      }
      sums[row] = (sums[row] + sum) % SUM;
    });
  }
  return { rows, sums: sums.map((sum) => (sum + SUM) % SUM) };
}

function checkSum(header, lead, signal, file, sum, given) {
  if (file.moved && !given) {
    throw unverified(header, file, "the header has no checksums to verify it");
  }
  if (!given || sum === ((signal.checksum % SUM) + SUM) % SUM) return;
  const problem = `the samples of lead ${lead} do not match the header's checksum`;
  if (file.moved) throw unverified(header, file, problem);
  throw new InputError(problem,
    { file: header.fileName, remedy: "find out which of the two files was changed" });
}

/** Scale samples to millivolts in place; refuse what is not a number or no voltage of a body. */
function toMillivolts(header, lead, row, signal, scale, invalid) {
  let bad = 0;
  let largest = 0;
  for (let i = 0; i < row.length; i++) {
    if (row[i] === invalid) bad++;
    row[i] = (row[i] - signal.baseline) / signal.gain;
    if (scale !== 1) row[i] *= scale;
    if (Math.abs(row[i]) > largest) largest = Math.abs(row[i]);
  }
  const about = { file: header.fileName };
  if (bad) {
    throw new InputError(`lead ${lead} has ${bad} samples that are not numbers`,
      { ...about, remedy: "repair or leave out the recording" });
  }
  if (largest > rules.largestMillivolts) {
    throw new InputError(
      `lead ${lead} reaches ${general(largest, 3)} mV: its gain or unit is wrong`,
      { ...about, remedy: "correct the header" });
  }
}

function scalesOf(header, places) {
  return places.map(([lead, place]) => {
    const signal = header.signals[place];
    const about = { file: header.fileName };
    if (signal.gain === null) {
      throw new InputError(
        `lead ${lead}: field \`gain\` is 0 or missing: the signal is not calibrated`,
        { ...about, remedy: "write the steps in one millivolt into the header, such as 1000/mV" });
    }
    const scale = millivoltsPerUnit(signal);
    if (scale === undefined) {
      throw new InputError(`lead ${lead} has unknown unit ${quoted(signal.unit)}`,
        { ...about, remedy: "use mV or uV" });
    }
    return scale;
  });
}

function headerAmong(files) {
  const headers = files.filter((file) => /\.hea$/i.test(file.name));
  if (headers.length !== 1) {
    const given = files.map((file) => file.name).join(", ");
    throw new InputError(headers.length
      ? `${headers.length} headers were given: this page reads one record at a time`
      : `no header (.hea) among ${given}: give the header and its signal file together`);
  }
  return headers[0];
}

/**
 * Read the twelve standard leads of a record.
 * @param {{name: string, size: number, read: (begin: number, end: number) =>
 *   Promise<ArrayBuffer>}[]} files header and signal files
 * @param {number} rate Hz to resample to
 * @param {{from?: number | null, to?: number | null}} part seconds; read this part alone
 * @returns {Promise<{name: string, fileName: string, headerRate: number, begin: number,
 *   rate: number, signal: Float64Array[], gains: number[], warnings: string[]}>} begin in seconds; signal in
 *   millivolts; gains in steps a millivolt
 */
export async function readRecord(files, rate, part = {}) {
  const given = headerAmong(files);
  const header = parseHeader(new Uint8Array(await given.read(0, given.size)), given.name);
  const places = placesOfLeads(header);
  const scales = scalesOf(header, places);
  if (header.samples !== null) { // before its files are looked for
    const [first, last] = partOf(header, header.samples, part);
    checkLength(header, last - first, rate);
  }
  const signalFiles = [...findSignalFiles(header, files).values()];
  const measures = [];
  for (const file of signalFiles) measures.push(await measured(header, file));
  const whole = Math.max(...measures.map(({ frames }) => frames));
  if (measures.some(({ frames }) => frames !== whole)) {
    throw new InputError("its signal files differ in length", { file: header.fileName });
  }
  const [first, last] = partOf(header, whole, part);
  checkLength(header, last - first, rate);
  const hasSums = places.some(([, place]) => header.signals[place].checksum % SUM !== 0);
  const read = [];
  for (const measure of measures) {
    const mine = places.map(([lead, place], k) => ({ lead, signal: header.signals[place], k }))
      .filter(({ signal }) => measure.group.includes(signal));
    const inFrame = mine.map(({ signal }) => measure.group.indexOf(signal));
    const { rows, sums } = await decode(measure, inFrame, first, last, hasSums);
    mine.forEach(({ lead, k }, row) => {
      read[k] = { measure, lead, row: rows[row], sum: sums[row] };
    });
  }
  read.forEach(({ measure, lead, sum }, k) =>
    checkSum(header, lead, header.signals[places[k][1]], measure.file, sum, hasSums));
  read.forEach(({ measure: { format }, lead, row }, k) =>
    toMillivolts(header, lead, row, header.signals[places[k][1]], scales[k], format.invalid));
  const leads = new Map(read.map(({ lead, row }) => [lead, row]));
  const computed = completeLimbLeads(leads);
  return {
    name: header.name,
    fileName: header.fileName,
    headerRate: header.samplingFrequency,
    begin: first / header.samplingFrequency,
    rate,
    signal: resampled(LEADS.map((lead) => leads.get(lead)), header.samplingFrequency, rate),
    gains: places.map(([, place], k) => header.signals[place].gain / scales[k]),
    warnings: [
      ...signalFiles.filter(({ moved }) => moved).map(movedWarning),
      ...(computed.length ? [computedWarning(computed)] : []),
    ],
  };
}
