// From a polyline to the outline of its stroke, as the Anti-Grain Geometry library (Agg 2.4, which
// matplotlib draws with) computes it: projecting caps, round outer joins, mitred inner joins.

const COINCIDENT = 1e-14; // pixels; Agg takes a vertex this near to the one before for the same
const PARALLEL = 1e-30;
const INNER_LIMIT = 1.01;

function distance(x1, y1, x2, y2) {
  const dx = x2 - x1;
  const dy = y2 - y1;
  return Math.sqrt(dx * dx + dy * dy);
}

function cross(x1, y1, x2, y2, x, y) {
  return (x - x2) * (y2 - y1) - (y - y2) * (x2 - x1);
}

/** Where the lines a-b and c-d meet, or null if they are parallel. */
function intersection(ax, ay, bx, by, cx, cy, dx, dy) {
  const numerator = (ay - cy) * (dx - cx) - (ax - cx) * (dy - cy);
  const denominator = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx);
  if (Math.abs(denominator) < PARALLEL) return null;
  const r = numerator / denominator;
  return { x: ax + r * (bx - ax), y: ay + r * (by - ay) };
}

/** A line's vertices without coincident ones, each with the distance to the next. */
function distinctVertices(line) {
  const kept = [];
  const isDistinct = (i) => {
    const a = kept[i];
    const b = kept[i + 1];
    a.length = distance(a.x, a.y, b.x, b.y);
    if (a.length > COINCIDENT) return true;
    a.length = 1 / COINCIDENT;
    return false;
  };
  const add = (vertex) => {
    if (kept.length > 1 && !isDistinct(kept.length - 2)) kept.pop();
    kept.push({ x: vertex.x, y: vertex.y, length: 0 });
  };
  line.forEach(add);
  while (kept.length > 1 && !isDistinct(kept.length - 2)) {
    const last = kept.pop();
    kept.pop();
    add(last);
  }
  return kept;
}

class Outliner {
  constructor(width) {
    this.half = width * 0.5;
    this.tolerance = this.half / 1024;
    this.arcStep = Math.acos(this.half / (this.half + 0.125)) * 2;
  }

  cap(out, v0, v1) {
    const dx = ((v1.y - v0.y) / v0.length0) * this.half;
    const dy = ((v1.x - v0.x) / v0.length0) * this.half;
    out.push(v0.x - dx - dy, v0.y + dy - dx);
    out.push(v0.x + dx - dy, v0.y - dy - dx);
  }

  join(out, v0, v1, v2, length1, length2) {
    const half = this.half;
    const dx1 = (half * (v1.y - v0.y)) / length1;
    const dy1 = (half * (v1.x - v0.x)) / length1;
    const dx2 = (half * (v2.y - v1.y)) / length2;
    const dy2 = (half * (v2.x - v1.x)) / length2;
    const turn = cross(v0.x, v0.y, v1.x, v1.y, v2.x, v2.y);
    if (turn > COINCIDENT) {
      this.innerMiter(out, v0, v1, v2, dx1, dy1, dx2, dy2, length1, length2);
      return;
    }
    const midX = (dx1 + dx2) / 2;
    const midY = (dy1 + dy2) / 2;
    if (half - Math.sqrt(midX * midX + midY * midY) < this.tolerance) {
      const met = intersection(
        v0.x + dx1, v0.y - dy1, v1.x + dx1, v1.y - dy1,
        v1.x + dx2, v1.y - dy2, v2.x + dx2, v2.y - dy2,
      );
      if (met) out.push(met.x, met.y);
      else out.push(v1.x + dx1, v1.y - dy1);
      return;
    }
    this.arc(out, v1.x, v1.y, dx1, -dy1, dx2, -dy2);
  }

  innerMiter(out, v0, v1, v2, dx1, dy1, dx2, dy2, length1, length2) {
    const limit = Math.max((length1 < length2 ? length1 : length2) / this.half, INNER_LIMIT);
    const met = intersection(
      v0.x + dx1, v0.y - dy1, v1.x + dx1, v1.y - dy1,
      v1.x + dx2, v1.y - dy2, v2.x + dx2, v2.y - dy2,
    );
    if (met) {
      if (distance(v1.x, v1.y, met.x, met.y) <= this.half * limit) {
        out.push(met.x, met.y);
        return;
      }
    } else {
      const x = v1.x + dx1;
      const y = v1.y - dy1;
      const before = cross(v0.x, v0.y, v1.x, v1.y, x, y) < 0;
      const after = cross(v1.x, v1.y, v2.x, v2.y, x, y) < 0;
      if (before === after) {
        out.push(v1.x + dx1, v1.y - dy1);
        return;
      }
    }
    out.push(v1.x + dx1, v1.y - dy1);
    out.push(v1.x + dx2, v1.y - dy2);
  }

  arc(out, x, y, dx1, dy1, dx2, dy2) {
    let angle = Math.atan2(dy1, dx1);
    let end = Math.atan2(dy2, dx2);
    out.push(x + dx1, y + dy1);
    if (angle > end) end += 2 * Math.PI;
    const count = Math.trunc((end - angle) / this.arcStep);
    const step = (end - angle) / (count + 1);
    angle += step;
    for (let i = 0; i < count; i++) {
      out.push(x + Math.cos(angle) * this.half, y + Math.sin(angle) * this.half);
      angle += step;
    }
    out.push(x + dx2, y + dy2);
  }

  /** The closed outline of one line, as [x, y, x, y, ...]; empty for a single point. */
  outline(line) {
    const v = distinctVertices(line);
    const n = v.length;
    const out = [];
    if (n < 2) return out;
    this.cap(out, { ...v[0], length0: v[0].length }, v[1]);
    for (let i = 1; i < n - 1; i++) {
      this.join(out, v[i - 1], v[i], v[i + 1], v[i - 1].length, v[i].length);
    }
    this.cap(out, { ...v[n - 1], length0: v[n - 2].length }, v[n - 2]);
    for (let i = n - 2; i > 0; i--) {
      this.join(out, v[i + 1], v[i], v[i - 1], v[i].length, v[i - 1].length);
    }
    return out;
  }
}

/**
 * Outlines of the strokes of a path.
 * @param {{move: boolean, x: number, y: number}[]} vertices
 * @param {number} width pixels
 * @returns {number[][]} closed polygons as [x, y, x, y, ...]
 */
export function strokeOutlines(vertices, width) {
  const outliner = new Outliner(width);
  const outlines = [];
  let line = [];
  const flush = () => {
    if (line.length) outlines.push(outliner.outline(line));
    line = [];
  };
  for (const vertex of vertices) {
    if (vertex.move) flush();
    line.push(vertex);
  }
  flush();
  return outlines.filter((outline) => outline.length);
}
