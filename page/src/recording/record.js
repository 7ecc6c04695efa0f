// A WFDB record: header and signal files in, millivolts at the network's rate out.

import { InputError, LEADS, millivoltsPerUnit, parseHeader, placesOfLeads } from "./header.js";
import { resampled } from "./resample.js";

const INVALID = { 16: -32768, 212: -2048 }; // WFDB's mark for a sample that was not taken

/** Bytes that `frames` frames of `width` samples take, or null for a format not read here. */
function bytesNeeded(format, frames, width) {
  if (format === "16") return frames * width * 2;
  if (format === "212") return Math.ceil(frames * width * 1.5);
  return null;
}

/** All samples of a signal file, frame by frame. */
function samplesOf(bytes, format, offset, count) {
  const view = new DataView(bytes, offset);
  const samples = new Int16Array(count);
  if (format === "16") {
    for (let i = 0; i < count; i++) samples[i] = view.getInt16(2 * i, true);
    return samples;
  }
  for (let i = 0; i < count; i++) {
    const pair = 3 * (i >> 1);
    const low = i & 1 ? view.getUint8(pair + 2) : view.getUint8(pair);
    const high = i & 1 ? view.getUint8(pair + 1) >> 4 : view.getUint8(pair + 1) & 0x0f;
    samples[i] = ((high << 28) >> 20) | low; // twelve bits with sign
  }
  return samples;
}

function signalFile(files, name, header) {
  const found = files.find((file) => file.name === name) ??
    files.find((file) => file.name.toLowerCase() === name.toLowerCase());
  if (!found) {
    throw new InputError(
      `signal file ${name} is missing: give ${header.fileName} and ${name} together`);
  }
  return found;
}

function isMultiplexed(group, header) {
  for (const signal of group) {
    if (signal.samplesPerFrame !== 1 || signal.skew) {
      throw new InputError(
        `${header.fileName}: signals of several rates or with a skew are not read on this page`);
    }
  }
}

/** Every signal of one file, in the file's order, as integers. */
function readSignalFile(files, fileName, header) {
  const group = header.signals.filter((signal) => signal.file === fileName);
  isMultiplexed(group, header);
  const { format, offset } = group[0];
  const bytes = signalFile(files, fileName, header).bytes;
  const width = group.length;
  if (!(format in INVALID)) {
    throw new InputError(
      `${fileName} has WFDB format ${format}; this page reads formats 16 (also in .mat) and 212. ` +
      "`python -m ekg predict` reads the others");
  }
  const perFrame = format === "16" ? 2 * width : 1.5 * width;
  const frames = header.samples ?? Math.floor((bytes.byteLength - offset) / perFrame);
  const needed = offset + bytesNeeded(format, frames, width);
  if (frames < 1 || bytes.byteLength < needed) {
    throw new InputError(
      `signal file ${fileName} has ${bytes.byteLength} bytes, the header promises ${needed}: ` +
      "it is truncated");
  }
  const all = samplesOf(bytes, format, offset, frames * width);
  return group.map((signal, place) => ({ signal, place, width, frames, all }));
}

/**
 * Read the twelve standard leads of a record.
 * @param {{name: string, bytes: ArrayBuffer}[]} files header and signal files
 * @param {number} rate Hz to resample to
 * @returns {{name: string, headerRate: number, rate: number, signal: Float64Array[]}} millivolts
 */
export function readRecord(files, rate) {
  const headers = files.filter((file) => /\.hea$/i.test(file.name));
  if (headers.length !== 1) {
    const given = files.map((file) => file.name).join(", ");
    throw new InputError(headers.length
      ? `${headers.length} headers were given: this page reads one record at a time`
      : `no header (.hea) among ${given}: give the header and its signal file together`);
  }
  const text = new TextDecoder().decode(headers[0].bytes);
  const header = parseHeader(text, headers[0].name);
  const places = placesOfLeads(header);
  const read = new Map();
  const signal = places.map((index, row) => {
    const wanted = header.signals[index];
    if (!read.has(wanted.file)) read.set(wanted.file, readSignalFile(files, wanted.file, header));
    const { place, width, frames, all } = read.get(wanted.file)
      .find((entry) => entry.signal === wanted);
    const scale = millivoltsPerUnit(wanted, LEADS[row]);
    const lead = new Float64Array(frames);
    let invalid = 0;
    for (let i = 0; i < frames; i++) {
      const sample = all[i * width + place];
      if (sample === INVALID[wanted.format]) invalid++;
      lead[i] = (sample - wanted.baseline) / wanted.gain;
      if (scale !== 1) lead[i] *= scale;
    }
    if (invalid) {
      throw new InputError(`lead ${LEADS[row]} has ${invalid} samples that are not numbers`);
    }
    return lead;
  });
  if (new Set(signal.map((lead) => lead.length)).size > 1) {
    throw new InputError(`${header.fileName}: its signal files differ in length`);
  }
  return {
    name: header.name,
    headerRate: header.samplingFrequency,
    rate,
    signal: resampled(signal, header.samplingFrequency, rate),
  };
}
