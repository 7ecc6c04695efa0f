// Read the traces of a vector PDF: long polylines by row, named by the words beside them
// (`ekg/strips/vector.py`).

import constants from "./constants.js";
import { StripError } from "./errors.js";
import { describe } from "./layout.js";
import { argmax, differences, mean, median, rounded, spread } from "./numeric/arrays.js";
import { readContent } from "./pdf_paths.js";
import { asFunction, namedRows, Piece, rowsOf, withRhythm } from "./vector_rows.js";

const {
  _SHORTEST_TRACE: SHORTEST_TRACE, _FEWEST_POINTS: FEWEST_POINTS, _SPEEDS: SPEEDS, _GAINS: GAINS,
} = constants.vector;
const SPEED = new RegExp(constants.vector._SPEED, "gi"), GAIN = new RegExp(constants.vector._GAIN, "gi");

/**
 * Read a page whose traces are polylines.
 * @param {object} options speed and gain, where the user gives them
 * @param {number} pixelsPerMm of the image of the page that the overlay is drawn on
 * @returns {Promise<object | null>} null where no polyline looks like a trace (a scan in a PDF)
 */
export async function readVector(page, ops, options, pixelsPerMm) {
  const shown = await readContent(page, ops);
  const turns = turnsOf(shown.lines);
  if (turns === null) return null;
  const content = turned(shown, turns);
  const unit = paperMillimetre(content.lines);
  const pulses = content.lines.map(pulseHeight).filter((height) => height).map((height) => height / unit);
  const stripped = content.lines.filter(isTrace).map((line) => {
    const [points, height] = withoutPulse(line.points, unit);
    if (height) pulses.push(height);
    return new Piece(points);
  });
  const { scale, warnings } = scaleOf(content.words, pulses, options);
  const rows = rowsOf(stripped, unit);
  const named = withRhythm(namedRows(rows, content.words, unit), rows, unit);
  const pieces = named.flat().map(([, piece]) => piece);
  const left = Math.min(...pieces.map((piece) => piece.left));
  const right = Math.max(...pieces.map((piece) => piece.right));
  const widest = Math.max(...named.map((row) => row.length));
  const traces = named.flatMap((row, number) => row.map(([lead, piece], column) => {
    const [x, y] = asFunction(piece.points);
    const middle = median(y);
    const back = quarterTurns(piece.points, (4 - turns) % 4, content.width, content.height);
    return {
      lead,
      x: x.map((place) => (place - left) / unit),
      y: y.map((place) => -(place - middle) / unit),
      confidence: 1,
      row: number,
      column,
      rhythm: row.length === 1 && widest > 1,
      line: Float64Array.from(back.flat(), (place) => place * pixelsPerMm),
    };
  }));
  return {
    traces,
    scale,
    layout: describe(named.map((row) => row.map(([name]) => name))),
    method: "vector PDF",
    length: (right - left) / unit,
    namesSource: "page text",
    facts: {
      paper_mm: rounded(unit, 4),
      pulse_mm: pulses.length ? rounded(median(pulses), 3) : null,
      turned_degrees: 90 * turns,
    },
    warnings,
  };
}

function isTrace({ points }) {
  const last = points.length - 1;
  if (points.length < FEWEST_POINTS || points[last][0] - points[0][0] < SHORTEST_TRACE) return false;
  let forward = 0, back = 0;
  for (let i = 0; i < last; i++) {
    const step = points[i + 1][0] - points[i][0];
    if (step > 0) forward += step;
    else back -= step;
  }
  return back < 0.01 * forward;
}

/** By how many quarter turns (clockwise) the page must be turned to be read. */
function turnsOf(lines) {
  const lengths = [0, 0, 0, 0];
  for (const line of lines) {
    for (let turns = 0; turns < 4; turns++) {
      const points = quarterTurns(line.points, turns, 0, 0);
      if (isTrace({ points })) lengths[turns] += points[points.length - 1][0] - points[0][0];
    }
  }
  return lengths.some((one) => one) ? argmax(lengths) : null;
}

function quarterTurns(points, turns, width, height) {
  for (let k = 0; k < turns % 4; k++) {
    const high = height;
    points = points.map(([x, y]) => [high - y, x]);
    [width, height] = [height, width];
  }
  return points;
}

function turned({ lines, words, width, height }, turns) {
  return {
    lines: lines.map(({ points, style }) => ({ points: quarterTurns(points, turns, width, height), style })),
    words: words.map(({ text, x, y }) => {
      const [[u, v]] = quarterTurns([[x, y]], turns, width, height);
      return { text, x: u, y: v };
    }),
    width: turns % 2 ? height : width,
    height: turns % 2 ? width : height,
  };
}

/** How many millimetres of the PDF one millimetre of the EKG's paper is. */
function paperMillimetre(lines) {
  const spacings = [];
  for (const axis of [0, 1]) {
    const places = new Set();
    for (const { points } of lines) {
      if (points.length !== 2) continue;
      const [one, two] = points;
      if (Math.abs(two[axis] - one[axis]) < 0.01 && Math.abs(two[1 - axis] - one[1 - axis]) > 20) {
        places.add(rounded(one[axis], 2));
      }
    }
    const gaps = differences([...places].sort((a, b) => a - b)).filter((gap) => gap > 0.3);
    if (gaps.length < 10) return 1;
    const usual = median(gaps);
    const near = gaps.filter((gap) => Math.abs(gap - usual) < 0.1 * usual);
    if (near.length < 0.6 * gaps.length) return 1;
    // The mean of the whole run: single places are rounded to hundredths.
    spacings.push(mean(near));
  }
  if (Math.abs(spacings[0] - spacings[1]) > 0.02 * spacings[0]) return 1;
  const spacing = mean(spacings);
  const nominal = Math.abs(Math.log(spacing)) <= Math.abs(Math.log(spacing / 5)) ? 1 : 5;
  const unit = spacing / nominal;
  // A rounded unit (300 or 600 dots per inch) is the nominal one.
  return Math.abs(unit - 1) < 0.004 ? 1 : unit > 0.4 && unit < 2 ? unit : 1;
}

/** The height of a polyline that is a calibration pulse, in millimetres; null of another. */
function pulseHeight({ points }) {
  if (points.length < 4 || points.length > 12) return null;
  for (let i = 1; i < points.length; i++) {
    const [dx, dy] = [0, 1].map((axis) => Math.abs(points[i][axis] - points[i - 1][axis]));
    if (Math.min(dx, dy) > 0.1) return null;
  }
  const [width, height] = [0, 1].map((axis) => spread(points.map((point) => point[axis])));
  const first = points[0][1], last = points[points.length - 1][1];
  const low = Math.abs(first - last) < 0.2 && first > Math.min(...points.map((point) => point[1])) + 1;
  return low && width > 2 && width < 20 && height > 2 && height < 45 ? height : null;
}

/** Cut a calibration pulse off the beginning of a trace; return its height in paper mm. */
function withoutPulse(points, unit) {
  const near = points.filter(([x]) => x < points[0][0] + 16 * unit);
  const step = (i) => near[i + 1][1] - near[i][1];
  const jumps = [];
  for (let i = 0; i + 1 < near.length; i++) {
    if (Math.abs(step(i)) > 2 * unit && near[i + 1][0] - near[i][0] < 0.3 * unit) jumps.push(i);
  }
  for (const first of jumps) {
    for (const second of jumps.filter((jump) => jump > first)) {
      const top = points.slice(first + 1, second + 1).map((point) => point[1]);
      const width = (points[second][0] - points[first][0]) / unit;
      const height = -step(first) / unit;
      if (spread(top) < 0.05 * unit && width > 2 && width < 12 && height > 0 &&
          Math.abs(step(first) + step(second)) < 0.05 * Math.abs(step(first)) + 0.1 * unit) {
        return [points.slice(second + 1), height];
      }
    }
  }
  return [points, null];
}

const general = (value) => String(Number(value.toPrecision(6)));

function scaleOf(words, pulses, options) {
  const text = words.map((word) => word.text.replaceAll("\u00a0", " ")).join("\n");
  const all = (pattern) => [...new Set([...text.matchAll(pattern)].map(([, value]) =>
    Number(value.replace(",", "."))))];
  const speeds = all(SPEED), gains = all(GAIN), warnings = [];
  const pulse = pulses.length ? nearest(median(pulses), GAINS, 0.08) : null;
  let [speed, speedSource, gain, gainSource] = [25, "assumed", 10, "assumed"];
  if (options.speed) [speed, speedSource] = [options.speed, "given"];
  else if (speeds.length === 1 && nearest(speeds[0], SPEEDS, 0.01)) {
    [speed, speedSource] = [speeds[0], "page text"];
  } else warnings.push("speed assumed to be 25 mm/s: not stated on the page; see --speed");
  if (options.gain) [gain, gainSource] = [options.gain, "given"];
  else if (gains.length === 1 && nearest(gains[0], GAINS, 0.01)) {
    [gain, gainSource] = [gains[0], "page text"];
    if (pulse !== null && Math.abs(pulse / gain - 1) > 0.08) {
      throw new StripError(
        `the page says ${general(gain)} mm/mV and shows a pulse of ${general(pulse)} mm`,
        "give the gain with --gain");
    }
  } else if (pulse !== null) [gain, gainSource] = [pulse, "pulse"];
  else if (gains.length > 1) {
    throw new StripError("the page names several gains and shows no pulse", "give it with --gain");
  } else warnings.push("gain assumed to be 10 mm/mV: not stated on the page; see --gain");
  return { scale: { speed, gain, speedSource, gainSource }, warnings };
}

function nearest(value, usual, tolerance) {
  const best = [...usual].sort((a, b) => Math.abs(value / a - 1) - Math.abs(value / b - 1))[0];
  return Math.abs(value / best - 1) <= tolerance ? best : null;
}
