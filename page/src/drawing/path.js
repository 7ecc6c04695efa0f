// From samples to the polyline that is stroked: clipped to the page, then simplified.
//
// Both steps follow what matplotlib does before it hands a path to Agg (its path converters
// "PathClipper" and "PathSimplifier"), operation by operation: the image must come out with the
// same bits, so even the order of the additions counts.

const LEFT = 4;
const RIGHT = 1;
const ABOVE = 8; // smaller y: y points down here
const BELOW = 2;

/** Return on which sides of a box {x1, y1, x2, y2} a point is. */
export function sidesOf(x, y, box) {
  return (x > box.x2 ? RIGHT : 0) | (y > box.y2 ? BELOW : 0) | (x < box.x1 ? LEFT : 0) |
    (y < box.y1 ? ABOVE : 0);
}

/** Move a point outside the box along its segment onto the box's edge; null where it misses. */
function movedOntoEdge(segment, point, sides, box) {
  const { x1, y1, x2, y2 } = segment;
  let { x, y } = point;
  if (sides & (LEFT | RIGHT)) {
    if (x1 === x2) return null;
    const bound = sides & LEFT ? box.x1 : box.x2;
    y = ((bound - x1) * (y2 - y1)) / (x2 - x1) + y1;
    x = bound;
  }
  const vertical = (y > box.y2 ? BELOW : 0) | (y < box.y1 ? ABOVE : 0);
  if (vertical) {
    if (y1 === y2) return null;
    const bound = vertical & ABOVE ? box.y1 : box.y2;
    x = ((bound - y1) * (x2 - x1)) / (y2 - y1) + x1;
    y = bound;
  }
  return { x, y };
}

/** Cut a segment to a box: {x1, y1, x2, y2, startMoved}, or null where nothing is left. */
function clippedSegment(x1, y1, x2, y2, box) {
  const first = sidesOf(x1, y1, box);
  const second = sidesOf(x2, y2, box);
  if ((first | second) === 0) return { x1, y1, x2, y2, startMoved: false };
  for (const sides of [LEFT | RIGHT, ABOVE | BELOW]) {
    if ((first & sides) !== 0 && (first & sides) === (second & sides)) return null;
  }
  const segment = { x1, y1, x2, y2 };
  let start = { x: x1, y: y1 };
  let end = { x: x2, y: y2 };
  if (first) {
    start = movedOntoEdge(segment, start, first, box);
    if (start === null || (start.x === end.x && start.y === end.y)) return null;
  }
  if (second) {
    end = movedOntoEdge(segment, end, second, box);
    if (end === null || (start.x === end.x && start.y === end.y)) return null;
  }
  return { x1: start.x, y1: start.y, x2: end.x, y2: end.y, startMoved: first !== 0 };
}

/**
 * Clip a polyline to a box. A vertex that is not a number is a gap.
 * @param {Float64Array} xs pixels
 * @param {Float64Array} ys pixels, downwards
 * @returns {{move: boolean, x: number, y: number}[]} vertices; `move` starts a new line
 */
export function clippedPath(xs, ys, box) {
  const vertices = [];
  let mustMove = true;
  for (let i = 1; i < xs.length; i++) {
    if (Number.isNaN(ys[i - 1] + ys[i])) {
      mustMove = true;
      continue;
    }
    const cut = clippedSegment(xs[i - 1], ys[i - 1], xs[i], ys[i], box);
    if (cut === null) continue;
    if (mustMove || cut.startMoved) vertices.push({ move: true, x: cut.x1, y: cut.y1 });
    vertices.push({ move: false, x: cut.x2, y: cut.y2 });
    mustMove = false;
  }
  return vertices;
}

/**
 * Join neighbouring segments that are nearly parallel into one.
 * @param {{move: boolean, x: number, y: number}[]} vertices
 * @param {number} threshold pixels that a vertex may be beside the joined line
 */
export function simplifiedPath(vertices, threshold) {
  const limit = threshold * threshold;
  const out = [];
  const push = (move, x, y) => out.push({ move, x, y });
  let moved = false; // the last vertex started a line
  let afterGap = false; // the running line begins after a jump
  let lastX = 0, lastY = 0;
  let dirX = 0, dirY = 0, dirNorm = 0; // the running line's direction
  let forward = 0, backward = 0; // squared reach along it, both ways
  let lastIsForward = false, lastIsBackward = false;
  let forwardX = 0, forwardY = 0, backwardX = 0, backwardY = 0;
  let startX = 0, startY = 0;

  const finishLine = (x, y) => {
    if (backward > 0) {
      if (lastIsForward) {
        push(false, backwardX, backwardY);
        push(false, forwardX, forwardY);
      } else {
        push(false, forwardX, forwardY);
        push(false, backwardX, backwardY);
      }
    } else {
      push(false, forwardX, forwardY);
    }
    if (afterGap) push(true, lastX, lastY);
    else if (!lastIsForward && !lastIsBackward) push(false, lastX, lastY);
    dirX = x - lastX;
    dirY = y - lastY;
    dirNorm = dirX * dirX + dirY * dirY;
    forward = dirNorm;
    lastIsForward = true;
    const written = out[out.length - 1];
    startX = written.x;
    startY = written.y;
    lastX = forwardX = x;
    lastY = forwardY = y;
    backward = 0;
    lastIsBackward = false;
    afterGap = false;
  };

  for (const { move, x, y } of vertices) {
    if (move) {
      if (dirNorm !== 0 && !moved) finishLine(x, y);
      moved = true;
      lastX = x;
      lastY = y;
      dirNorm = 0;
      backward = 0;
      afterGap = true;
      continue;
    }
    moved = false;
    if (dirNorm === 0) {
      if (afterGap) {
        push(true, lastX, lastY);
        afterGap = false;
      }
      dirX = x - lastX;
      dirY = y - lastY;
      dirNorm = dirX * dirX + dirY * dirY;
      forward = dirNorm;
      backward = 0;
      lastIsForward = true;
      lastIsBackward = false;
      startX = lastX;
      startY = lastY;
      forwardX = lastX = x;
      forwardY = lastY = y;
      continue;
    }
    const totalX = x - startX;
    const totalY = y - startY;
    const dot = dirX * totalX + dirY * totalY;
    const alongX = (dot * dirX) / dirNorm;
    const alongY = (dot * dirY) / dirNorm;
    const besideX = totalX - alongX;
    const besideY = totalY - alongY;
    if (besideX * besideX + besideY * besideY < limit) {
      const along = alongX * alongX + alongY * alongY;
      lastIsForward = false;
      lastIsBackward = false;
      if (dot > 0) {
        if (along > forward) {
          lastIsForward = true;
          forward = along;
          forwardX = x;
          forwardY = y;
        }
      } else if (along > backward) {
        lastIsBackward = true;
        backward = along;
        backwardX = x;
        backwardY = y;
      }
      lastX = x;
      lastY = y;
      continue;
    }
    finishLine(x, y);
  }
  if (vertices.length) {
    if (dirNorm !== 0) {
      push(moved, forwardX, forwardY);
      if (backward > 0) push(moved, backwardX, backwardY);
    }
    push(moved, lastX, lastY);
  }
  return out;
}
