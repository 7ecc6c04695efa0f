// The spectrum of a tile: fast Fourier transforms of any length.

/** A transform of one length: a power of two directly, others as a convolution (Bluestein). */
class Transform {
  constructor(n) {
    this.n = n;
    this.size = 1;
    while (this.size < (n & (n - 1) ? 2 * n : n)) this.size *= 2;
    const { size } = this;
    this.cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / size));
    this.order = new Uint32Array(size);
    for (let i = 1, j = 0; i < size; i++) {
      let bit = size >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      this.order[i] = j;
    }
    if (size === n) return;
    this.turnRe = new Float64Array(n);
    this.turnIm = new Float64Array(n);
    this.chirpRe = new Float64Array(size);
    this.chirpIm = new Float64Array(size);
    for (let i = 0; i < n; i++) {
      const angle = (Math.PI * ((i * i) % (2 * n))) / n;
      this.turnRe[i] = Math.cos(angle);
      this.turnIm[i] = -Math.sin(angle);
      for (const at of i ? [i, size - i] : [0]) {
        this.chirpRe[at] = Math.cos(angle);
        this.chirpIm[at] = Math.sin(angle);
      }
    }
    this.powerOfTwo(this.chirpRe, this.chirpIm);
    this.workRe = new Float64Array(size);
    this.workIm = new Float64Array(size);
  }

  powerOfTwo(re, im) {
    const { size, order, cos, sin } = this;
    for (let i = 0; i < size; i++) {
      const j = order[i];
      if (i < j) {
        let t = re[i]; re[i] = re[j]; re[j] = t;
        t = im[i]; im[i] = im[j]; im[j] = t;
      }
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let first = 0; first < size; first += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = first + k, b = a + half;
          const c = cos[k * step], s = -sin[k * step];
          const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
          re[b] = re[a] - x; im[b] = im[a] - y;
          re[a] += x; im[a] += y;
        }
      }
    }
  }

  /** Transform `n` complex values in place. */
  run(re, im) {
    if (this.size === this.n) {
      this.powerOfTwo(re, im);
      return;
    }
    const { n, size, turnRe, turnIm, workRe, workIm, chirpRe, chirpIm } = this;
    workRe.fill(0);
    workIm.fill(0);
    for (let i = 0; i < n; i++) {
      workRe[i] = re[i] * turnRe[i] - im[i] * turnIm[i];
      workIm[i] = re[i] * turnIm[i] + im[i] * turnRe[i];
    }
    this.powerOfTwo(workRe, workIm);
    for (let i = 0; i < size; i++) { // the product, conjugated: its transform goes back
      const x = workRe[i] * chirpRe[i] - workIm[i] * chirpIm[i];
      workIm[i] = -(workRe[i] * chirpIm[i] + workIm[i] * chirpRe[i]);
      workRe[i] = x;
    }
    this.powerOfTwo(workRe, workIm);
    for (let i = 0; i < n; i++) {
      const x = workRe[i] / size, y = -workIm[i] / size;
      re[i] = x * turnRe[i] - y * turnIm[i];
      im[i] = x * turnIm[i] + y * turnRe[i];
    }
  }
}

/**
 * The magnitudes of the spectrum of real values, padded with zeros to a square.
 * @param {{rows: number, columns: number, data: Float32Array}} tile
 * @param {number} size of the square
 * @returns {Float32Array} `size` rows of `size / 2 + 1` values
 */
export function magnitudes(tile, size) {
  const transform = new Transform(size);
  const half = (size >> 1) + 1;
  const re = new Float64Array(size), im = new Float64Array(size);
  const acrossRe = new Float64Array(tile.rows * half), acrossIm = new Float64Array(tile.rows * half);
  for (let y = 0; y < tile.rows; y++) {
    re.fill(0);
    im.fill(0);
    for (let x = 0; x < tile.columns; x++) re[x] = tile.data[y * tile.columns + x];
    transform.run(re, im);
    acrossRe.set(re.subarray(0, half), y * half);
    acrossIm.set(im.subarray(0, half), y * half);
  }
  const out = new Float32Array(size * half);
  for (let x = 0; x < half; x++) {
    re.fill(0);
    im.fill(0);
    for (let y = 0; y < tile.rows; y++) {
      re[y] = acrossRe[y * half + x];
      im[y] = acrossIm[y * half + x];
    }
    transform.run(re, im);
    for (let y = 0; y < size; y++) out[y * half + x] = Math.hypot(re[y], im[y]);
  }
  return out;
}
