// From polygons to the share of every pixel that they cover, in 1/256: Agg's scanline rasteriser,
// non-zero winding, with its 8-bit subpixels and its clipping (coordinates kept in double).

import { sidesOf } from "./path.js";

const SHIFT = 8;
const SCALE = 1 << SHIFT;
const MASK = SCALE - 1;
const HORIZONTAL = 5;
const VERTICAL = 10;

function rounded(value) {
  const scaled = value * SCALE;
  return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

export class Rasterizer {
  /** @param {number} size side of the image in pixels */
  constructor(size) {
    this.size = size;
    this.stride = size + 2;
    // Cells of Agg, one a pixel: signed height crossed, and twice the area to its left.
    this.cover = new Int32Array(this.stride * this.stride);
    this.area = new Int32Array(this.stride * this.stride);
  }

  /** Add closed polygons, cut to a box {x1, y1, x2, y2} of whole pixels within the picture. */
  addPolygons(polygons, box) {
    this.box = box;
    for (const polygon of polygons) {
      const n = polygon.length;
      this.moveTo(polygon[0], polygon[1]);
      for (let i = 2; i < n; i += 2) this.lineTo(polygon[i], polygon[i + 1]);
      this.lineTo(polygon[0], polygon[1]);
    }
  }

  moveTo(x, y) {
    this.x = x;
    this.y = y;
    this.sides = sidesOf(x, y, this.box);
  }

  lineTo(x2, y2) {
    const { box, x: x1, y: y1, sides: f1 } = this;
    const f2 = sidesOf(x2, y2, box);
    this.x = x2;
    this.y = y2;
    this.sides = f2;
    if ((f1 & VERTICAL) === (f2 & VERTICAL) && (f1 & VERTICAL) !== 0) return;
    const heightAt = (x) => y1 + ((x - x1) * (y2 - y1)) / (x2 - x1);
    const sidesAt = (y) => (y > box.y2 ? 2 : 0) | (y < box.y1 ? 8 : 0);
    const before = f1 & HORIZONTAL;
    const after = f2 & HORIZONTAL;
    const edgeOf = (side) => (side === 1 ? box.x2 : box.x1);
    if (!before && !after) {
      this.cutVertically(x1, y1, x2, y2, f1, f2);
    } else if (before === after) {
      this.cutVertically(edgeOf(before), y1, edgeOf(before), y2, f1, f2);
    } else if (!before) {
      const edge = edgeOf(after);
      const y3 = heightAt(edge);
      const f3 = sidesAt(y3);
      this.cutVertically(x1, y1, edge, y3, f1, f3);
      this.cutVertically(edge, y3, edge, y2, f3, f2);
    } else if (!after) {
      const edge = edgeOf(before);
      const y3 = heightAt(edge);
      const f3 = sidesAt(y3);
      this.cutVertically(edge, y1, edge, y3, f1, f3);
      this.cutVertically(edge, y3, x2, y2, f3, f2);
    } else {
      const entry = edgeOf(before);
      const exit = edgeOf(after);
      const y3 = heightAt(entry);
      const y4 = heightAt(exit);
      const f3 = sidesAt(y3);
      const f4 = sidesAt(y4);
      this.cutVertically(entry, y1, entry, y3, f1, f3);
      this.cutVertically(entry, y3, exit, y4, f3, f4);
      this.cutVertically(exit, y4, exit, y2, f4, f2);
    }
  }

  cutVertically(x1, y1, x2, y2, sides1, sides2) {
    const f1 = sides1 & VERTICAL;
    const f2 = sides2 & VERTICAL;
    if ((f1 | f2) === 0) {
      this.line(rounded(x1), rounded(y1), rounded(x2), rounded(y2));
      return;
    }
    if (f1 === f2) return;
    const { box } = this;
    const across = (y) => x1 + ((y - y1) * (x2 - x1)) / (y2 - y1);
    let tx1 = x1, ty1 = y1, tx2 = x2, ty2 = y2;
    if (f1) {
      ty1 = f1 & 8 ? box.y1 : box.y2;
      tx1 = across(ty1);
    }
    if (f2) {
      ty2 = f2 & 8 ? box.y1 : box.y2;
      tx2 = across(ty2);
    }
    this.line(rounded(tx1), rounded(ty1), rounded(tx2), rounded(ty2));
  }

  /** Add what one edge, in 1/256 pixel, crosses in row `ey` to the cells there. */
  row(ey, x1, y1, x2, y2) {
    if (y1 === y2) return;
    const { cover, area } = this;
    const ex2 = x2 >> SHIFT;
    let ex = x1 >> SHIFT;
    const fx1 = x1 & MASK;
    const fx2 = x2 & MASK;
    const base = ey * this.stride;
    if (ex === ex2) {
      const delta = y2 - y1;
      cover[base + ex] += delta;
      area[base + ex] += (fx1 + fx2) * delta;
      return;
    }
    let dx = x2 - x1;
    let p, first, step;
    if (dx < 0) {
      p = fx1 * (y2 - y1);
      first = 0;
      step = -1;
      dx = -dx;
    } else {
      p = (SCALE - fx1) * (y2 - y1);
      first = SCALE;
      step = 1;
    }
    let delta = Math.floor(p / dx);
    let rest = p - delta * dx;
    cover[base + ex] += delta;
    area[base + ex] += (fx1 + first) * delta;
    ex += step;
    y1 += delta;
    if (ex !== ex2) {
      p = SCALE * (y2 - y1 + delta);
      const lift = Math.floor(p / dx);
      const more = p - lift * dx;
      rest -= dx;
      while (ex !== ex2) {
        delta = lift;
        rest += more;
        if (rest >= 0) {
          rest -= dx;
          delta++;
        }
        cover[base + ex] += delta;
        area[base + ex] += SCALE * delta;
        y1 += delta;
        ex += step;
      }
    }
    delta = y2 - y1;
    cover[base + ex] += delta;
    area[base + ex] += (fx2 + SCALE - first) * delta;
  }

  line(x1, y1, x2, y2) {
    const dx = x2 - x1;
    let dy = y2 - y1;
    let ey = y1 >> SHIFT;
    const ey2 = y2 >> SHIFT;
    const fy1 = y1 & MASK;
    const fy2 = y2 & MASK;
    if (ey === ey2) {
      this.row(ey, x1, fy1, x2, fy2);
      return;
    }
    let p, first, step;
    if (dy < 0) {
      p = fy1 * dx;
      first = 0;
      step = -1;
      dy = -dy;
    } else {
      p = (SCALE - fy1) * dx;
      first = SCALE;
      step = 1;
    }
    let delta = Math.floor(p / dy);
    let rest = p - delta * dy;
    let x = x1 + delta;
    this.row(ey, x1, fy1, x, first);
    ey += step;
    if (ey !== ey2) {
      p = SCALE * dx;
      const lift = Math.floor(p / dy);
      const more = p - lift * dy;
      rest -= dy;
      while (ey !== ey2) {
        delta = lift;
        rest += more;
        if (rest >= 0) {
          rest -= dy;
          delta++;
        }
        this.row(ey, x, SCALE - first, x + delta, first);
        x += delta;
        ey += step;
      }
    }
    this.row(ey, x, SCALE - first, x2, fy2);
  }

  /**
   * Give the coverage (1 to 255) of every pixel touched within the box, and forget it.
   * @param {(place: number, coverage: number) => void} paint place is row * size + column
   */
  sweep(box, paint) {
    const { cover, area, stride, size } = this;
    const right = Math.min(box.x2, size);
    const bottom = Math.min(box.y2, size);
    for (let y = box.y1; y < bottom; y++) {
      let height = 0;
      let cell = y * stride + box.x1;
      for (let x = box.x1; x < right; x++, cell++) {
        height += cover[cell];
        const whole = (height << (SHIFT + 1)) - area[cell];
        cover[cell] = 0;
        area[cell] = 0;
        if (whole === 0) continue;
        let alpha = whole >> (2 * SHIFT + 1 - 8);
        if (alpha < 0) alpha = -alpha;
        if (alpha > 255) alpha = 255;
        if (alpha) paint(y * size + x, alpha);
      }
      // What is on the box's right edge has no area inside it.
      cover[cell] = 0;
      area[cell] = 0;
    }
    const below = bottom * stride;
    cover.fill(0, below + box.x1, below + right + 1);
    area.fill(0, below + box.x1, below + right + 1);
  }
}
