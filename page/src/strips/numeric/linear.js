// Small systems of equations, a line through points, splines, and the cheapest pairs.

/** Solve a small system (rows of numbers) by elimination with pivots; null if it is singular. */
export function solved(matrix, right) {
  const n = right.length;
  const a = matrix.map((row, i) => [...row, right[i]]);
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i][k]) > Math.abs(a[pivot][k])) pivot = i;
    if (a[pivot][k] === 0) return null;
    [a[k], a[pivot]] = [a[pivot], a[k]];
    for (let i = k + 1; i < n; i++) {
      const factor = a[i][k] / a[k][k];
      for (let j = k; j <= n; j++) a[i][j] -= factor * a[k][j];
    }
  }
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let rest = a[i][n];
    for (let j = i + 1; j < n; j++) rest -= a[i][j] * x[j];
    x[i] = rest / a[i][i];
  }
  return x;
}

/**
 * Solve a symmetric positive system of three bands.
 * @param {Float64Array} diagonal
 * @param {Float64Array} first below the diagonal, of the same length
 * @param {Float64Array} second the next one
 */
export function solvedBanded(diagonal, first, second, right) {
  const n = diagonal.length;
  const root = new Float64Array(n), one = new Float64Array(n), two = new Float64Array(n);
  for (let j = 0; j < n; j++) { // Cholesky, column by column
    let d = diagonal[j];
    if (j > 0) d -= one[j - 1] ** 2;
    if (j > 1) d -= two[j - 2] ** 2;
    root[j] = Math.sqrt(d);
    one[j] = (first[j] - (j > 0 ? two[j - 1] * one[j - 1] : 0)) / root[j];
    two[j] = second[j] / root[j];
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    if (i > 0) x[i] -= one[i - 1] * x[i - 1];
    if (i > 1) x[i] -= two[i - 2] * x[i - 2];
    x[i] /= root[i];
  }
  for (let i = n - 1; i >= 0; i--) {
    if (i + 1 < n) x[i] -= one[i] * x[i + 1];
    if (i + 2 < n) x[i] -= two[i] * x[i + 2];
    x[i] /= root[i];
  }
  return x;
}

/** What is left of values at 0, 1, 2, ... after the straight line that fits them best. */
export function withoutLine(values) {
  const n = values.length;
  const middle = (n - 1) / 2;
  let total = 0, lean = 0, square = 0;
  for (let i = 0; i < n; i++) {
    total += values[i];
    lean += (i - middle) * values[i];
    square += (i - middle) ** 2;
  }
  const level = total / n, slope = square ? lean / square : 0;
  return Float64Array.from(values, (value, i) => value - level - slope * (i - middle));
}

/** The coefficients of the cubic spline through values, mirrored at both ends. */
export function splineCoefficients(values) {
  const n = values.length;
  if (n === 1) return Float64Array.from(values);
  // c[i-1] + 4 c[i] + c[i+1] = 6 v[i], with c[-1] = c[1] and c[n] = c[n-2]: three diagonals.
  const upper = new Float64Array(n), x = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const below = i === 0 ? 0 : i === n - 1 ? 2 : 1;
    const above = i === 0 ? 2 : i === n - 1 ? 0 : 1;
    const pivot = 4 - (i ? below * upper[i - 1] : 0);
    upper[i] = above / pivot;
    x[i] = (6 * values[i] - (i ? below * x[i - 1] : 0)) / pivot;
  }
  for (let i = n - 2; i >= 0; i--) x[i] -= upper[i] * x[i + 1];
  return x;
}

/**
 * Pair each row with a column so that the costs' sum is least (Hungarian method).
 * @param {number[][]} cost
 * @returns {[number, number][]} as many as there are rows or columns, by row
 */
export function cheapestPairs(cost) {
  if (!cost.length || !cost[0].length) return [];
  const turned = cost.length > cost[0].length;
  const table = turned ? cost[0].map((_, j) => cost.map((row) => row[j])) : cost;
  const n = table.length, m = table[0].length;
  const u = new Float64Array(n + 1), v = new Float64Array(m + 1);
  const owner = new Int32Array(m + 1), way = new Int32Array(m + 1);
  for (let i = 1; i <= n; i++) {
    owner[0] = i;
    const least = new Float64Array(m + 1).fill(Infinity);
    const used = new Uint8Array(m + 1);
    let at = 0;
    do {
      used[at] = 1;
      const row = owner[at];
      let step = Infinity, next = 0;
      for (let j = 1; j <= m; j++) {
        if (used[j]) continue;
        const own = table[row - 1][j - 1] - u[row] - v[j];
        if (own < least[j]) {
          least[j] = own;
          way[j] = at;
        }
        if (least[j] < step) {
          step = least[j];
          next = j;
        }
      }
      for (let j = 0; j <= m; j++) {
        if (used[j]) {
          u[owner[j]] += step;
          v[j] -= step;
        } else least[j] -= step;
      }
      at = next;
    } while (owner[at] !== 0);
    do {
      owner[at] = owner[way[at]];
      at = way[at];
    } while (at);
  }
  const pairs = [];
  for (let j = 1; j <= m; j++) {
    if (owner[j]) pairs.push(turned ? [j - 1, owner[j] - 1] : [owner[j] - 1, j - 1]);
  }
  return pairs.sort((a, b) => a[0] - b[0]);
}
