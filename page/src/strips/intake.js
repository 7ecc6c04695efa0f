// Open what a user gives: bytes are sniffed, never the suffix; bounds on pixels
// (`ekg/strips/intake.py`; the browser decodes).

import { openPicture } from "../recording/picture_file.js";
import { kindOf } from "../recording/signal_files.js";
import constants from "./constants.js";
import { StripError } from "./errors.js";
import { Picture, reduced } from "./numeric/pillow.js";

const {
  LARGEST_FILE, LARGEST_IMAGE, WORKING_IMAGE, LARGEST_SIDE, SMALLEST_SIDE, _HEIF_BRANDS: HEIF_BRANDS,
} = constants.intake;
const SHARPER = "save it as JPEG or PNG";

const ascii = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

export const isPdf = (bytes) => ascii(bytes, 0, 1024).includes("%PDF-");

const isHeif = (bytes) => ascii(bytes, 4, 8) === "ftyp" && HEIF_BRANDS.includes(ascii(bytes, 8, 12));

/** The bytes of a file that may be an image or a PDF. */
export async function bytesOf({ name, blob }) {
  if (blob.size > LARGEST_FILE) {
    throw new StripError(
      `the file has ${Math.round(blob.size / 2 ** 20)} MiB, expected at most ${LARGEST_FILE / 2 ** 20}`,
      "save the page alone", name);
  }
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (!bytes.length) throw new StripError("the file is empty", "save the page again", name);
  if (isHeif(bytes)) {
    throw new StripError(
      "is an HEIC or AVIF image, which this page does not read",
      `${SHARPER}, or set the camera to "most compatible"`, name);
  }
  const kind = kindOf(bytes.subarray(0, 1024));
  if (kind) {
    throw new StripError(`is ${kind}, which this page does not read`,
      "`python -m ekg convert` makes WFDB records of other machines' recordings", name);
  }
  return bytes;
}

/**
 * Decode an image.
 * @param {Uint8Array} bytes
 * @param {string} name for messages
 * @returns {Promise<{bitmap: ImageBitmap, orientation: number}>} as stored, and its EXIF orientation
 */
export async function decoded(bytes, name) {
  const { bytes: plain, orientation } = openPicture(bytes.buffer, name, SHARPER);
  try {
    const bitmap = await createImageBitmap(new Blob([plain]), {
      colorSpaceConversion: "none", premultiplyAlpha: "none",
    });
    return { bitmap, orientation };
  } catch {
    throw new StripError("is not a readable image or PDF",
      "expected PNG, JPEG, WebP, BMP or PDF", name);
  }
}

/**
 * The colours of a bitmap, the right way up, on white; the bitmap is given back.
 * @returns {{picture: Picture, shrink: number}} `shrink`: pixels of the file for one of the picture
 */
export function pictureOf({ bitmap, orientation }, name) {
  try {
    checkSize(bitmap.width, bitmap.height, name);
    const whole = pixelsOf(bitmap);
    const factor = Math.ceil(Math.sqrt((whole.width * whole.height) / WORKING_IMAGE));
    const picture = reduced(whole, factor);
    return { picture: upright(picture, orientation), shrink: bitmap.width / picture.width };
  } finally {
    bitmap.close();
  }
}

function checkSize(width, height, name) {
  if (width * height > LARGEST_IMAGE || Math.max(width, height) > LARGEST_SIDE) {
    throw new StripError(
      `has ${width} x ${height} pixels, expected at most ${LARGEST_IMAGE / 10 ** 6} million`,
      "save it smaller (300 dots per inch are plenty)", name);
  }
  if (Math.min(width, height) < SMALLEST_SIDE) {
    throw new StripError(
      `has ${width} x ${height} pixels, too few to show an EKG`, "give the original image", name);
  }
}

/** The colours of a bitmap, in strips: a canvas of the whole would double the memory. */
function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const out = new Picture(width, height);
  const strip = Math.max(1, Math.min(height, Math.floor(4_000_000 / width)));
  const canvas = new OffscreenCanvas(width, strip);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += strip) {
    const rows = Math.min(strip, height - top);
    context.clearRect(0, 0, width, strip);
    context.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let i = 0, at = 3 * top * width; i < data.length; i += 4, at += 3) {
      const alpha = data[i + 3];
      for (let c = 0; c < 3; c++) {
        out.data[at + c] = alpha === 255 ? data[i + c]
          : Math.round((data[i + c] * alpha + 255 * (255 - alpha)) / 255);
      }
    }
  }
  return out;
}

/** Turn a picture as its EXIF orientation says. */
export function upright(picture, orientation) {
  if (orientation === 1) return picture;
  const { width, height, data } = picture;
  const sideways = orientation > 4;
  const out = new Picture(sideways ? height : width, sideways ? width : height);
  const source = {
    2: (x, y) => [width - 1 - x, y],
    3: (x, y) => [width - 1 - x, height - 1 - y],
    4: (x, y) => [x, height - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, height - 1 - x],
    7: (x, y) => [width - 1 - y, height - 1 - x],
    8: (x, y) => [width - 1 - y, x],
  }[orientation];
  for (let y = 0, at = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++, at += 3) {
      const [column, row] = source(x, y);
      const from = 3 * (row * width + column);
      out.data[at] = data[from];
      out.data[at + 1] = data[from + 1];
      out.data[at + 2] = data[from + 2];
    }
  }
  return out;
}
