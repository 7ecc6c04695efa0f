// What an image's file says before its pixels are decoded: kind, depth, and the EXIF orientation,
// which is applied here, because browsers differ in which files they turn.

import { InputError } from "./errors.js";

const ORIENTATION = 0x0112;
const SHORT = 3;
const SAVE = "save it as 8-bit grey PNG";

const ascii = (view, at, length) => {
  let text = "";
  for (let i = at; i < Math.min(at + length, view.byteLength); i++) {
    text += String.fromCharCode(view.getUint8(i));
  }
  return text;
};

/** Where the orientation's value is in an EXIF block, and the value; null without one. */
function orientationIn(view, begin, end) {
  const at = ascii(view, begin, 6) === "Exif\0\0" ? begin + 6 : begin;
  const order = ascii(view, at, 2);
  if (at + 8 > end || !["II", "MM"].includes(order)) return null;
  const little = order === "II";
  const directory = at + view.getUint32(at + 4, little);
  if (directory + 2 > end) return null;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > end) return null;
    const known = view.getUint16(entry, little) === ORIENTATION;
    if (known && view.getUint16(entry + 2, little) === SHORT) {
      return { at: entry + 8, little, value: view.getUint16(entry + 8, little) };
    }
  }
  return null;
}

function* pngChunks(view) {
  for (let at = 8; at + 12 <= view.byteLength;) {
    const length = view.getUint32(at);
    if (at + 12 + length > view.byteLength) return;
    yield { kind: ascii(view, at + 4, 4), at, begin: at + 8, end: at + 8 + length };
    at += 12 + length;
  }
}

function aboutPng(view) {
  const found = { kind: "PNG", bits: 8, cut: null, mark: null };
  for (const { kind, at, begin, end } of pngChunks(view)) {
    if (kind === "IHDR") found.bits = view.getUint8(begin + 8);
    if (kind !== "eXIf") continue;
    found.mark = orientationIn(view, begin, end);
    found.cut = [at, end + 4];
  }
  return found;
}

function aboutJpeg(view) {
  const found = { kind: "JPEG", bits: 8, components: 0, mark: null };
  for (let at = 2; at + 4 <= view.byteLength && view.getUint8(at) === 0xff;) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) { // a byte of filling
      at++;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (marker === 0xda || end > view.byteLength) break;
    if (marker === 0xe1 && ascii(view, at + 4, 6) === "Exif\0\0") {
      found.mark ??= orientationIn(view, at + 4, end);
    }
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame && at + 10 <= end) {
      found.bits = view.getUint8(at + 4);
      found.components = view.getUint8(at + 9);
    }
    at = end;
  }
  return found;
}

function aboutWebp(view) {
  const found = { kind: "WEBP", bits: 8, mark: null };
  for (let at = 12; at + 8 <= view.byteLength;) {
    const end = at + 8 + view.getUint32(at + 4, true);
    if (ascii(view, at, 4) === "EXIF" && end <= view.byteLength) {
      found.mark = orientationIn(view, at + 8, end);
    }
    at = end + (end & 1);
  }
  return found;
}

function about(view) {
  const start = ascii(view, 0, 12);
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return aboutPng(view);
  if (start.startsWith("\xff\xd8")) return aboutJpeg(view);
  if (start.startsWith("RIFF") && start.endsWith("WEBP")) return aboutWebp(view);
  const tiff = start.startsWith("II*\0") || start.startsWith("MM\0*");
  return { kind: tiff ? "TIFF" : "", bits: 8, mark: null };
}

/**
 * Look into an image's file.
 * @param {ArrayBuffer} bytes
 * @param {string} name for messages
 * @param {string} remedy for files of a kind that is not read
 * @returns {{bytes: Uint8Array, orientation: number}} the file without its orientation mark, and
 *   the mark (1: as it is)
 */
export function openPicture(bytes, name, remedy = SAVE) {
  const view = new DataView(bytes);
  const { kind, bits, components, cut, mark } = about(view);
  if (kind === "TIFF") {
    throw new InputError(`${name} is a TIFF image, which browsers do not show: ${remedy}`);
  }
  if (bits > 8) throw new InputError(`${name} has ${bits} bits a channel: ${remedy}`);
  if (components === 4) throw new InputError(`${name} has pixels of kind CMYK: ${remedy}`);
  const known = mark !== null && mark.value >= 2 && mark.value <= 8;
  let plain = new Uint8Array(bytes);
  if (known && cut) {
    const [begin, end] = cut;
    plain = new Uint8Array(bytes.byteLength - (end - begin));
    plain.set(new Uint8Array(bytes, 0, begin));
    plain.set(new Uint8Array(bytes, end), begin);
  } else if (known) {
    plain = plain.slice();
    new DataView(plain.buffer).setUint16(mark.at, 1, mark.little);
  }
  return { bytes: plain, orientation: known ? mark.value : 1 };
}

/** Turn a square grey image as its EXIF orientation says. */
export function turned(pixels, size, orientation) {
  if (orientation === 1) return pixels;
  const last = size - 1;
  const source = {
    2: (x, y) => [last - x, y],
    3: (x, y) => [last - x, last - y],
    4: (x, y) => [x, last - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, last - x],
    7: (x, y) => [last - y, last - x],
    8: (x, y) => [last - y, x],
  }[orientation];
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [column, row] = source(x, y);
      out[y * size + x] = pixels[row * size + column];
    }
  }
  return out;
}
