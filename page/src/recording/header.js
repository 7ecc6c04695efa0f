// WFDB headers: what a record's text file says about its signals. The same rules as in Python
// (`ekg.records.header_text`); what both need to know comes from there, in rules.js.

import rules from "../../assets/rules.js";
import { InputError, quoted } from "./errors.js";

export const LEADS = rules.leads;

const MOST_BYTES = 16 * 1024 * 1024; // of a header: more is another file
const KNOWN = "0|8|16|24|32|61|80|160|212|310|311|508|516|524";
const FORMAT = new RegExp(`^(${KNOWN})(?:x(\\d+))?(?::(\\d+))?(?:\\+(\\d+))?$`);
const GAIN = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)?(?:\(([-+]?\d+)\))?(\/(\S*))?$/i;
const FREQUENCY = /^((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\/\S*)?$/i;
// ADC resolution, ADC zero, initial value, checksum, block size, description: each may be missing.
const REST = /^ *(\d*) *(-?\d*) *(-?\d*) *(-?\d*) *(\d*) *(\S?[^\t\n\r\f\v]*)/;

/** Decode a header: UTF-16 where its mark says so, UTF-8, else Latin-1; nothing is dropped. */
function decoded(bytes) {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  }
}

function recordFields(file, line, lineCount) {
  const words = line.split(/\s+/);
  // A name with spaces in it: the number of signals is where it fits the lines that follow.
  const fits = words.findIndex((word, k) => k && /^\d+$/.test(word) && Number(word) === lineCount);
  const [count, frequency, samples] = words.slice(fits === -1 ? 1 : fits);
  if (!/^\d{1,9}$/.test(count ?? "")) {
    throw new InputError(
      `field \`number of signals\` is ${quoted(count ?? "")}: it is not a WFDB header`, { file });
  }
  const rate = FREQUENCY.exec(frequency ?? "");
  if (!rate) {
    throw new InputError(
      `field \`sampling frequency\` is ${frequency === undefined ? "missing" : quoted(frequency)}`,
      { file, remedy: "write it in Hz" });
  }
  if (samples !== undefined && !/^\d{1,15}$/.test(samples)) {
    throw new InputError(`field \`number of samples\` is ${quoted(samples)}`,
      { file, remedy: "write an integer" });
  }
  return {
    count: Number(count),
    samplingFrequency: Number(rate[1]),
    samples: samples === undefined ? null : Number(samples),
  };
}

function signalOf(file, number, line) {
  const spans = [...line.matchAll(/\S+/g)];
  const words = spans.map((span) => span[0]);
  // The file's name may have spaces: it ends where a format and a gain with its unit follow.
  const formats = words.map((_, k) => k).filter((k) => k && FORMAT.test(words[k]));
  if (!formats.length) {
    throw new InputError(`signal ${number} has no known format: ${quoted(line, 80)}`, { file });
  }
  const place = formats.find((k) => words[k + 1]?.includes("/") && GAIN.test(words[k + 1])) ??
    formats[0];
  const field = words[place + 1] ?? "";
  const gain = GAIN.exec(field);
  const steps = gain ? Number(gain[1] ?? 0) : Infinity;
  if (!Number.isFinite(steps)) {
    throw new InputError(`signal ${number}: field \`gain\` is ${quoted(field, 40)}`,
      { file, remedy: "write it as steps(baseline)/unit, such as 1000(0)/mV" });
  }
  const format = FORMAT.exec(words[place]);
  const rest = words.slice(place + 2).join(" ").normalize("NFKC").replace(/[^\x00-\x7f]/gu, "?");
  const [, , zero, , checksum, , name] = REST.exec(rest);
  return {
    file: line.slice(0, spans[place].index).trim(),
    format: format[1],
    samplesPerFrame: Number(format[2] ?? 1) || 1,
    skew: Number(format[3] ?? 0),
    offset: Number(format[4] ?? 0),
    gain: steps || null, // null: not calibrated
    baseline: Number(gain[2] ?? zero) || 0,
    unit: gain[3] === undefined ? "mV" : gain[4],
    checksum: Number(checksum) || 0,
    name: name.trim(),
  };
}

function checkHeader(file, { count, samplingFrequency, samples }, signals) {
  const remedy = "correct the header";
  if (!count) throw new InputError("the header names no signals", { file, remedy });
  if (count > rules.mostSignals || count !== signals) {
    throw new InputError(`field \`number of signals\` is ${count}, ${signals} are described`,
      { file, remedy });
  }
  const { lowest, highest } = rules.samplingFrequency;
  if (!(samplingFrequency >= lowest && samplingFrequency <= highest)) {
    throw new InputError(`field \`sampling frequency\` is ${samplingFrequency} Hz`,
      { file, remedy });
  }
  if (samples !== null && samples <= 0) {
    throw new InputError(`field \`number of samples\` is ${samples}`, { file, remedy });
  }
}

/**
 * Read a header.
 * @param {Uint8Array} bytes
 * @param {string} file its name; without `.hea` it is the record's name
 */
export function parseHeader(bytes, file) {
  if (bytes.length > MOST_BYTES) throw new InputError("is too large for a WFDB header", { file });
  const lines = decoded(bytes).split(/\r\n|\r|\n/).map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  if (!lines.length) {
    throw new InputError("has no record line: it is not a WFDB header", { file });
  }
  const [first, ...others] = lines;
  const segments = others.length && others.every((line) => line.split(/\s+/).length === 2);
  if (first.includes("/") && segments) {
    throw new InputError("is a multi-segment record",
      { file, remedy: "use the headers of its segments" });
  }
  const record = recordFields(file, first, others.length);
  const signals = others.map((line, k) => signalOf(file, k + 1, line));
  checkHeader(file, record, signals.length);
  return { name: file.replace(/\.hea$/i, ""), fileName: file, ...record, signals };
}

/** How many millivolts one unit of a signal is; undefined for an unknown unit. */
export function millivoltsPerUnit(signal) {
  return rules.millivolts[signal.unit.replace(/[\u00b5\u03bc]/g, "u").toLowerCase()];
}
