// Pictures made smaller, larger and straight, with Pillow's rounding.

/** Colours of a picture: 8 bits each of red, green and blue, row by row. */
export class Picture {
  constructor(width, height, data = new Uint8Array(3 * width * height)) {
    this.width = width;
    this.height = height;
    this.data = data;
  }
}

/** The picture at a whole fraction of its size: the mean of each block, as `Image.reduce`. */
export function reduced(picture, factor) {
  if (factor <= 1) return picture;
  const { width, height, data } = picture;
  const out = new Picture(Math.ceil(width / factor), Math.ceil(height / factor));
  const sums = new Float64Array(3 * out.width);
  for (let row = 0; row < out.height; row++) {
    sums.fill(0);
    const bottom = Math.min(height, (row + 1) * factor);
    for (let y = row * factor; y < bottom; y++) {
      let at = 3 * y * width;
      for (let column = 0; column < out.width; column++) {
        const count = Math.min(factor, width - column * factor);
        let r = 0, g = 0, b = 0;
        for (let x = 0; x < count; x++, at += 3) {
          r += data[at];
          g += data[at + 1];
          b += data[at + 2];
        }
        sums[3 * column] += r;
        sums[3 * column + 1] += g;
        sums[3 * column + 2] += b;
      }
    }
    for (let column = 0; column < out.width; column++) {
      const count = Math.min(factor, width - column * factor) * (bottom - row * factor);
      const multiplier = Math.floor(Math.fround(2 ** 24 / count)), half = count >> 1;
      for (let c = 0; c < 3; c++) {
        out.data[3 * (row * out.width + column) + c] =
          Math.floor(((sums[3 * column + c] + half) * multiplier) / 2 ** 24);
      }
    }
  }
  return out;
}

/** Weights of the pixels that each new pixel is made of, for a triangle that widens with scale. */
function triangle(count, size) {
  const scale = count / size, wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - wide + 0.5));
    const last = Math.min(count, Math.trunc(centre + wide + 0.5));
    const weights = [];
    let total = 0;
    for (let x = first; x < last; x++) {
      const weight = Math.max(0, 1 - Math.abs((x - centre + 0.5) / wide));
      weights.push(weight);
      total += weight;
    }
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/** Numbers (32 bits) at another size, as `Image.resize` with `BILINEAR`. */
export function resized(plane, rows, columns) {
  const across = triangle(plane.columns, columns);
  const middle = new Float32Array(plane.rows * columns);
  for (let y = 0; y < plane.rows; y++) {
    for (let x = 0; x < columns; x++) {
      let total = 0;
      const { first, weights } = across[x];
      for (let k = 0; k < weights.length; k++) {
        total += weights[k] * plane.data[y * plane.columns + first + k];
      }
      middle[y * columns + x] = total;
    }
  }
  const out = new Float32Array(rows * columns);
  triangle(plane.rows, rows).forEach(({ first, weights }, y) => {
    for (let x = 0; x < columns; x++) {
      let total = 0;
      for (let k = 0; k < weights.length; k++) total += weights[k] * middle[(first + k) * columns + x];
      out[y * columns + x] = total;
    }
  });
  return out;
}

/**
 * A picture seen through a homography, as `Image.transform` with `PERSPECTIVE` and `BILINEAR`.
 * @param {number[]} eight from places of the new picture to those of the old one
 */
export function straightened(picture, width, height, eight) {
  const [a, b, c, d, e, f, g, h] = eight;
  const out = new Picture(width, height);
  const source = picture.data;
  for (let row = 0, at = 0; row < height; row++) {
    const y = row + 0.5;
    for (let column = 0; column < width; column++, at += 3) {
      const x = column + 0.5;
      const under = g * x + h * y + 1;
      let u = (a * x + b * y + c) / under, v = (d * x + e * y + f) / under;
      if (!(u >= 0 && u < picture.width && v >= 0 && v < picture.height)) continue;
      u -= 0.5;
      v -= 0.5;
      const left = Math.floor(u), top = Math.floor(v);
      const dx = u - left, dy = v - top;
      const x0 = Math.max(0, left), x1 = Math.min(picture.width - 1, left + 1);
      const y0 = Math.max(0, top) * picture.width;
      const y1 = top + 1 < picture.height ? (top + 1) * picture.width : y0;
      for (let k = 0; k < 3; k++) {
        const upper = source[3 * (y0 + x0) + k], lower = source[3 * (y1 + x0) + k];
        const v1 = upper + (source[3 * (y0 + x1) + k] - upper) * dx;
        const v2 = lower + (source[3 * (y1 + x1) + k] - lower) * dx;
        out.data[at + k] = v1 + (v2 - v1) * dy; // cut off, not rounded
      }
    }
  }
  return out;
}
