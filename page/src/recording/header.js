// WFDB headers: what a record's text file says about its signals.

/** Input that cannot be read, in words for the person who gave it. */
export class InputError extends Error {}

export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];

const MOST_SAMPLES = 100_000_000; // over two days at 500 Hz: a damaged header, not a recording
const MOST_SIGNALS = 1024;
const DEFAULT_GAIN = 200; // WFDB's, where a header gives none
const MILLIVOLTS = { "": 1, mv: 1, uv: 1e-3, "\u00b5v": 1e-3, "\u03bcv": 1e-3, v: 1e3 };

function wholeNumber(text, problem) {
  if (!/^-?\d+$/.test(text ?? "")) throw new InputError(problem);
  return Number(text);
}

function signalOf(line, fileName) {
  const words = line.trim().split(/\s+/);
  const format = /^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$/.exec(words[1] ?? "");
  if (!format) throw new InputError(`${fileName}: a signal line has no format: "${line.trim()}"`);
  const gain = /^([-+\d.eE]*)(?:\((-?\d+)\))?(?:\/(.*))?$/.exec(words[2] ?? "");
  if (!gain || (gain[1] && !Number.isFinite(Number(gain[1])))) {
    throw new InputError(`${fileName}: field \`gain\` is "${words[2]}"`);
  }
  const zero = words[4] === undefined ? 0 : wholeNumber(words[4], `${fileName}: field \`adc zero\` is "${words[4]}"`);
  return {
    file: words[0],
    format: format[1],
    samplesPerFrame: Number(format[2] ?? 1) || 1,
    skew: Number(format[3] ?? 0),
    offset: Number(format[4] ?? 0),
    gain: Number(gain[1] || 0) || DEFAULT_GAIN,
    baseline: gain[2] === undefined ? zero : Number(gain[2]),
    units: gain[3] ?? "",
    name: words.slice(8).join(" "),
  };
}

/**
 * Read a header.
 * @param {string} text
 * @param {string} fileName for messages; without `.hea` it is the record's name
 */
export function parseHeader(text, fileName) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() && !line.trim().startsWith("#"));
  const words = (lines[0] ?? "").trim().split(/\s+/);
  if (words.length < 3 || words[0].includes("/")) {
    throw new InputError(words[0]?.includes("/")
      ? `${fileName} is a multi-segment record: give one of its segments instead`
      : `${fileName} is not a WFDB header`);
  }
  const count = wholeNumber(words[1], `${fileName} is not a WFDB header`);
  const rate = /^(\d*\.?\d+(?:e[-+]?\d+)?)(?:\/.*)?$/i.exec(words[2]);
  const samplingFrequency = rate ? Number(rate[1]) : NaN;
  if (!(samplingFrequency >= 1 && samplingFrequency <= 100_000)) {
    throw new InputError(`${fileName}: field \`sampling frequency\` is "${words[2]}"`);
  }
  const samples = words[3] === undefined ? null
    : wholeNumber(words[3], `${fileName}: field \`number of samples\` is "${words[3]}"`);
  if (samples !== null && !(samples > 0 && samples <= MOST_SAMPLES)) {
    throw new InputError(`${fileName}: field \`number of samples\` is ${samples}`);
  }
  if (count < 1 || count > MOST_SIGNALS || lines.length - 1 < count) {
    throw new InputError(
      `${fileName}: field \`number of signals\` is ${count}, ${lines.length - 1} are described`);
  }
  const signals = lines.slice(1, count + 1).map((line) => signalOf(line, fileName));
  return { name: fileName.replace(/\.hea$/i, ""), fileName, samplingFrequency, samples, signals };
}

/** Where each of the twelve leads stands among a header's signals; letter case is free. */
export function placesOfLeads(header) {
  const places = new Map();
  header.signals.forEach((signal, index) => {
    const name = signal.name.toLowerCase().replace(/^(ecg|lead)[\s_]+/, "");
    if (!places.has(name)) places.set(name, index);
  });
  const missing = LEADS.filter((lead) => !places.has(lead.toLowerCase()));
  if (missing.length) {
    throw new InputError(
      `${header.fileName}: lead${missing.length > 1 ? "s" : ""} ${missing.join(", ")} missing; ` +
      "a standard 12-lead recording is needed");
  }
  return LEADS.map((lead) => places.get(lead.toLowerCase()));
}

/** How many millivolts one unit of a signal is. */
export function millivoltsPerUnit(signal, lead) {
  const scale = MILLIVOLTS[signal.units.trim().toLowerCase()];
  if (scale === undefined) {
    throw new InputError(`lead ${lead} has unknown unit "${signal.units}": use mV or uV`);
  }
  return scale;
}
