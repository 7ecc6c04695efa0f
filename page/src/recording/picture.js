// Images from outside: only those of the network's kind are read, as in Python.

import { InputError } from "./errors.js";
import { LEADS } from "./header.js";

/** Grey levels of an RGBA image; one with colours or transparency is refused. */
export function greyOf(rgba, name) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b, a] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2], rgba[4 * i + 3]];
    if (a !== 255) throw new InputError(`${name} is transparent in part: save it as 8-bit grey PNG`);
    if (r !== g || g !== b) {
      throw new InputError(
        `${name} has colours; the network reads grey images drawn as in training. ` +
        "Give the WFDB record, or an image made by python -m ekg render");
    }
    grey[i] = r;
  }
  return grey;
}

function traceFindings(page, darker, ink) {
  const flat = [];
  const cut = [];
  LEADS.forEach((lead, index) => {
    const [row, column] = [Math.floor(index / 3), index % 3];
    const edge = (k, parts) => Math.round((k * page.size) / parts);
    const margin = 3;
    const top = edge(row, 4) + margin;
    const bottom = edge(row + 1, 4) - margin;
    const left = edge(column, 3) + margin;
    const right = edge(column + 1, 3) - margin;
    const rows = [];
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        if (darker(y * page.size + x) > ink) {
          rows.push(y - top);
          break;
        }
      }
    }
    if (!rows.length || rows[rows.length - 1] - rows[0] < 4) flat.push(lead);
    else if (rows[0] === 0 || rows[rows.length - 1] === bottom - top - 1) cut.push(lead);
  });
  const findings = [];
  if (flat.length) findings.push(`flat: ${flat.join(", ")}`);
  if (cut.length) findings.push(`clipped at the panel's edge: ${cut.join(", ")}`);
  return findings;
}

/**
 * Check a grey image against the empty one.
 * @returns {string[]} warnings
 */
export function pictureWarnings(pixels, empty, page, limits, name) {
  const n = pixels.length;
  let near = 0, brighter = 0, clearlyBrighter = 0, clearlyDarker = 0;
  for (let i = 0; i < n; i++) {
    const difference = pixels[i] - empty[i];
    if (Math.abs(difference) <= limits.near) near++;
    if (difference > 0) brighter++;
    if (difference > limits.near) clearlyBrighter++;
    if (difference < -limits.near) clearlyDarker++;
  }
  if (near / n < limits.leastShareNear || clearlyBrighter / n > limits.mostShareBrighter) {
    throw new InputError(
      `${name} is not an image of the network's kind: its grid and panels are not those of the ` +
      `training images (${Math.round(100 - (100 * near) / n)}% of the pixels differ). ` +
      "Give the WFDB record, or an image made by python -m ekg render");
  }
  if (clearlyDarker / n < limits.leastInk) throw new InputError(`${name} shows no traces`);
  const warnings = brighter > 0
    ? ["not the training images' exact pixels (compressed with loss, or edited): " +
       "the reading may differ from that of the recording"] : [];
  return [...warnings, ...traceFindings(page, (i) => empty[i] - pixels[i], limits.ink)];
}
