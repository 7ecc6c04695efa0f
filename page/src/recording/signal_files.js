// Which of the given files are a header's signal files, and whether they are what the header says.

import rules from "../../assets/rules.js";
import { InputError, quoted } from "./errors.js";

const SHOWN = 5;
const START = 1024; // bytes that tell a file's kind

const isPlain = (name) =>
  !/[/\\:\x00-\x1f\x7f]/.test(name) && !["", ".", "..", "~", "-"].includes(name);
const stemOf = (name) => name.replace(/(.)\.[^.]*$/s, "$1");
const lastSuffix = (name) => /.\.([^.]*)$/s.exec(name)?.[1] ?? null;
const isSignal = (suffix) =>
  suffix !== null && rules.signalSuffixes.includes(`.${suffix.toLowerCase()}`);

function unquoted(name) {
  return name.replace(/(?:%[0-9a-f]{2})+/gi, (coded) => new TextDecoder().decode(
    Uint8Array.from(coded.slice(1).split("%"), (pair) => parseInt(pair, 16))));
}

/** What two spellings of one file name have in common. */
const keyOf = (name) =>
  unquoted(name).normalize("NFKC").toUpperCase().toLowerCase().replace(/\s/g, "");

function lookedFor(header, wanted) {
  const base = wanted.split(/[/\\]/).pop().trim();
  const stem = isSignal(lastSuffix(base)) ? stemOf(base) : base;
  const beside = header.name;
  return [...new Set([
    base,
    ...rules.signalSuffixes.map((suffix) => stem + suffix),
    ...rules.signalSuffixes.map((suffix) => beside + suffix),
  ])];
}

const notThere = (wanted) => (isPlain(wanted)
  ? `signal file ${wanted} is missing`
  : `signal file name ${quoted(wanted)} is not a plain name in the header's folder`);

function missing(header, wanted, candidates, files) {
  const names = (candidates.length ? candidates : files.filter((f) => isSignal(lastSuffix(f.name))))
    .map((file) => file.name).sort();
  const there = names.slice(0, SHOWN).join(", ") + (names.length > SHOWN ? ", ..." : "");
  return new InputError(
    `${notThere(wanted)} (looked for ${lookedFor(header, wanted).join(", ")}, ignoring case; ` +
    `beside the header: ${there || "no signal file"})`,
    {
      file: header.fileName,
      remedy: "give the header and its signal file together, and correct the file name in the " +
        "header's signal lines",
    });
}

/**
 * Find the signal files among the given ones: under their very name, or else the one file of a
 * like name, whose checksums then have to fit.
 * @returns {Map<string, object>} by name in the header: the file, with `wanted` and `moved`
 */
export function findSignalFiles(header, files) {
  const found = new Map();
  for (const wanted of new Set(header.signals.map((signal) => signal.file))) {
    let file = isPlain(wanted) ? files.find(({ name }) => name === wanted) : undefined;
    if (!file) {
      const keys = new Set(lookedFor(header, wanted).map(keyOf));
      const candidates = files.filter(({ name }) => keys.has(keyOf(name)));
      if (candidates.length !== 1) throw missing(header, wanted, candidates, files);
      [file] = candidates;
    }
    found.set(wanted, { ...file, wanted, moved: file.name !== wanted });
  }
  const all = [...found.values()];
  if (new Set(all.map(({ name }) => name)).size < all.length) {
    throw missing(header, all.find(({ moved }) => moved).wanted, [], files);
  }
  return found;
}

/** Say that a file of another name was read. */
export const movedWarning = ({ wanted, name }) =>
  `the header names the signal file ${quoted(wanted)}; ${name} was read, whose samples match the ` +
  "header's checksums";

/** The error for a file of another name whose samples cannot be shown to belong. */
export const unverified = (header, { wanted, name }, why) => new InputError(
  `${notThere(wanted)}; ${name} is here, but ${why}`,
  {
    file: header.fileName,
    remedy: `if it belongs to this header, put ${name} into its signal lines`,
  });

export function kindOf(start) {
  const isAt = ({ at, bytes }) => bytes.every((byte, k) => start[at + k] === byte);
  return rules.otherKinds.find(isAt)?.kind;
}

/** Byte order, type, rows and place of the data of a MATLAB 4 file; null for another kind. */
function matlab4(start) {
  if (start.length < 20) return null;
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  for (const little of [true, false]) {
    const [kind, rows, , imaginary, length] =
      [0, 4, 8, 12, 16].map((at) => view.getInt32(at, little));
    const type = rules.matlab4Types[Math.floor((kind % 1000) / 10)];
    const name = String.fromCharCode(...start.subarray(20, 20 + Math.max(length, 0)));
    if (
      Math.floor(kind / 1000) === (little ? 0 : 1) && type !== undefined && kind % 10 === 0 &&
      [0, 1].includes(imaginary) && length > 1 && length <= 64 && /^[A-Za-z]\w*\0$/.test(name)
    ) {
      return { little, type, rows, begin: 20 + length };
    }
  }
  return null;
}

/** Refuse a file whose first bytes say that it is of another kind than the header says. */
export async function checkKind(header, file, { format, offset }, frame) {
  const start = new Uint8Array(await file.read(0, Math.min(START, file.size)));
  const about = { file: header.fileName, remedy: rules.asMatlab4 };
  const kind = kindOf(start);
  if (kind !== undefined) throw new InputError(`signal file ${file.name} is ${kind}`, about);
  const matlab = matlab4(start);
  if (matlab === null) return;
  const { little, type, rows, begin } = matlab;
  if (!little || type !== rules.typeOfFormat[format]) {
    throw new InputError(
      `signal file ${file.name} holds ${type} numbers` +
      `${little ? "" : ", most significant byte first"}, the header says format ${format}`, about);
  }
  if (rows !== frame) {
    throw new InputError(
      `signal file ${file.name} has ${rows} rows, the header says ${frame} signals`, about);
  }
  if (begin !== offset) {
    throw new InputError(
      `signal file ${file.name}: the samples begin at byte ${begin}, the header says ${offset}`,
      { file: header.fileName, remedy: `write ${format}+${begin} into its signal lines` });
  }
}
