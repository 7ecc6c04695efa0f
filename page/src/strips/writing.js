// A recording as a WFDB record of format 16 (`ekg/strips/writing.py`).

import rules from "../../assets/rules.js";
import constants from "./constants.js";
import { clip, rint } from "./numeric/arrays.js";
import { RATE } from "./reading.js";

const SUM = 65536; // checksums are sums of samples, modulo this
const { _UNITS_PER_MILLIVOLT: UNITS, _INVALID: INVALID, FROM_PAGE } = constants.writing;

/**
 * The two files of a record; what is NaN becomes WFDB's invalid sample.
 * @param {string} name
 * @param {Float64Array[]} signal millivolts, twelve leads
 * @returns {{header: string, data: Uint8Array}}
 */
export function recordFiles(name, signal) {
  const count = signal[0].length, leads = signal.length;
  const data = new Uint8Array(2 * leads * count);
  const view = new DataView(data.buffer);
  const lines = signal.map((row, lead) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const sample = Number.isNaN(row[i]) ? INVALID : clip(rint(row[i] * UNITS), -32767, 32767);
      view.setInt16(2 * (i * leads + lead), sample, true);
      sum += sample;
    }
    const checksum = ((sum % SUM) + SUM) % SUM;
    const first = view.getInt16(2 * lead, true);
    return `${name}.dat 16 ${UNITS.toFixed(1)}(0)/mV 16 0 ${first} ${checksum} 0 ${rules.leads[lead]}`;
  });
  const header = [
    `${name} ${leads} ${RATE} ${count}`, ...lines, `# ${FROM_PAGE}`, "",
  ].join("\n");
  return { header, data };
}
