// Resampling by a rational factor: a polyphase low-pass filter with a Kaiser window, the signal
// drawn on along a line beyond its ends. The same filter as scipy.signal.resample_poly's.

import { InputError } from "./errors.js";

const KAISER_BETA = 5;
const ZERO_CROSSINGS = 10;
const LARGEST_FACTOR = 100_000;

function greatestDivisor(a, b) {
  return b ? greatestDivisor(b, a % b) : a;
}

/** The nearest fraction with a denominator of at most 1000, as [numerator, denominator]. */
function fractionOf(value) {
  let best = [Math.round(value), 1];
  for (let q = 1; q <= 1000; q++) {
    const p = Math.round(value * q);
    if (Math.abs(p / q - value) < Math.abs(best[0] / best[1] - value)) best = [p, q];
  }
  return best;
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel0(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function lowPass(up, down) {
  const largest = Math.max(up, down);
  const half = ZERO_CROSSINGS * largest;
  const taps = new Float64Array(2 * half + 1);
  let sum = 0;
  for (let n = -half; n <= half; n++) {
    const angle = (Math.PI * n) / largest;
    const window = bessel0(KAISER_BETA * Math.sqrt(Math.max(0, 1 - (n / half) ** 2)));
    taps[n + half] = (n === 0 ? 1 : Math.sin(angle) / angle) * window;
    sum += taps[n + half];
  }
  return { half, taps: taps.map((tap) => (tap / sum) * up) };
}

/**
 * Resample every lead.
 * @param {Float64Array[]} signal
 * @param {number} from Hz
 * @param {number} to Hz, an integer
 */
export function resampled(signal, from, to) {
  if (from === to) return signal;
  const [p, q] = fractionOf(from);
  const divisor = greatestDivisor(to * q, p);
  const up = (to * q) / divisor;
  const down = p / divisor;
  if (Math.max(up, down) > LARGEST_FACTOR) {
    throw new InputError(`a sampling frequency of ${from} Hz cannot be brought to ${to} Hz here`);
  }
  const { half, taps } = lowPass(up, down);
  return signal.map((lead) => {
    const n = lead.length;
    const slope = n > 1 ? (lead[n - 1] - lead[0]) / (n - 1) : 0;
    const valueAt = (i) => {
      if (i < 0) return lead[0] + i * slope;
      return i < n ? lead[i] : lead[n - 1] + (i - n + 1) * slope;
    };
    const out = new Float64Array(Math.ceil((n * up) / down));
    for (let k = 0; k < out.length; k++) {
      const centre = k * down;
      const first = Math.ceil((centre - half) / up);
      const last = Math.floor((centre + half) / up);
      let sum = 0;
      for (let i = first; i <= last; i++) sum += valueAt(i) * taps[centre - i * up + half];
      out[k] = sum;
    }
    return out;
  });
}
