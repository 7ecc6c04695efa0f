// Read the traces of a picture: grid, flat page, ink, rows, names, traces
// (`ekg/strips/picture.py`).

import { arrange } from "./arrange.js";
import {
  apart, cover, extent, hideWord, tickMask, tracesOnly, withoutPaths, withoutPulses,
} from "./clean.js";
import constants from "./constants.js";
import { StripError } from "./errors.js";
import { fitDrawing, NODES } from "./fit.js";
import { FLAT, flatten, refine } from "./flatten.js";
import { darkness, grow } from "./grid.js";
import { findInk } from "./ink.js";
import { describe } from "./layout.js";
import {
  clip, correlation, finite, interpolated, linspace, median, Plane, quantile, rint, rounded, spread,
} from "./numeric/arrays.js";
import { maximumFilter } from "./numeric/filters.js";
import { reduced } from "./numeric/pillow.js";
import { findPulses, heightOf } from "./pulses.js";
import { findRows, longLines, penWidth, STROKE, withoutSpecks } from "./rows.js";
import { findSeed } from "./seed.js";
import { takenAway } from "./shared.js";
import { follow, ownInk } from "./trace.js";
import { findWords, missingBoxes, standsAt, usualPlace } from "./words.js";

const {
  _WORK: WORK, _FEWEST: FEWEST, _PEN_CONFIDENT: PEN_CONFIDENT, _FITS: FITS,
} = constants.picture;

/**
 * Read a picture of a page.
 * @param {Picture} picture
 * @param {{layout?: object, speed?: number, gain?: number}} options what the user says
 * @param {(text: string) => void} progress
 * @returns {Promise<object>} traces, scale, layout, ...: as `TracedPage` in Python
 */
export async function readPicture(picture, options, progress = () => {}) {
  const { flat, unit, margin } = flatPage(picture, progress);
  if (unit < FEWEST) {
    throw new StripError(
      `the picture has ${unit.toFixed(1)} pixels a millimetre, expected at least ${FEWEST}`,
      "give the original picture or a sharper scan");
  }
  progress("finding the ink");
  const ink = await findInk(flat);
  flat.rgb = null; // a third of the memory
  const found = await bestOrientation(ink, options, progress);
  const { scale, warnings } = scaleOf(found.pulses, options);
  const { traces, source } = tracesOf(found, flat, Boolean(options.layout));
  if (source === "layout") {
    warnings.push("no lead names could be read: the usual order is assumed; see --layout");
  }
  const { pulses, arrangement } = found;
  return {
    traces,
    scale,
    layout: describe(namedRows(traces)),
    method: "picture",
    length: (found.right - found.left) / FLAT,
    namesSource: source,
    facts: {
      pixels_per_mm: rounded(unit, 2),
      pulse_mm: pulses.length ? rounded(median(pulses.map(heightOf)), 2) : null,
      turned_degrees: 90 * found.turns,
      names_seen: rounded(arrangement.seen, 2),
      layout_margin: rounded(arrangement.margin, 2),
      grid_margin: rounded(margin, 2),
    },
    warnings,
  };
}

/** The flat page, the picture's pixels a millimetre, and the period's margin. */
export function flatPage(picture, progress = () => {}) {
  progress("finding the grid");
  const factor = Math.max(1, Math.ceil(Math.max(picture.width, picture.height) / WORK));
  const planes = darkness(reduced(picture, factor), 16);
  const seed = findSeed(planes.most);
  if (!seed || seed.score < 4.5) {
    throw new StripError("no millimetre grid was found", "give a sharper, evenly lit picture");
  }
  progress("following the grid");
  const { lattice, grower } = grow(planes.most, seed);
  if (lattice.quality.filter((one) => one > 0).length < 60) {
    throw new StripError(
      "the grid could not be followed over the page", "give a sharper, evenly lit picture");
  }
  progress("measuring the grid");
  const nodes = refine(lattice, grower, planes);
  const unit = grower.unit * factor;
  const shrink = Math.max(1, Math.trunc(unit / FLAT));
  const placed = (place) => ((place + 0.5) * factor - 0.5 + 0.5) / shrink - 0.5;
  progress("flattening the page");
  const flat = flatten(reduced(picture, shrink), {
    ...nodes,
    x: nodes.x.map(shrink > 1 ? placed : (place) => (place + 0.5) * factor - 0.5),
    y: nodes.y.map(shrink > 1 ? placed : (place) => (place + 0.5) * factor - 0.5),
  });
  for (const { data } of [flat.mapX, flat.mapY]) {
    for (let i = 0; i < data.length; i++) data[i] = (data[i] + 0.5) * shrink - 0.5;
  }
  flat.seen = nodes.quality;
  return { flat, unit, margin: seed.margin };
}

/** Look at the page as it is, then turned, until the names and rows fit. */
async function bestOrientation(ink, options, progress) {
  let best = null;
  for (const turns of [0, 2, 1, 3]) {
    progress(turns ? "turning the page" : "following the traces");
    const found = await look(turnedInk(ink, turns), turns, options);
    if (!found?.arrangement) continue;
    if (!best || found.arrangement.score > best.arrangement.score + 0.05) best = found;
    if (best.arrangement.seen > 0.5) break;
  }
  if (!best) throw new StripError("no arrangement of leads was recognised", "give it with --layout");
  return best;
}

const turnedInk = (ink, turns) => Object.fromEntries(
  Object.entries(ink).map(([name, plane]) => [name, turned(plane, turns)]));

/** A plane turned clockwise by quarters. */
export function turned(plane, turns) {
  const { rows, columns, data } = plane;
  if (turns === 0) return plane;
  const out = turns === 2 ? plane.like() : new Plane(columns, rows, new data.constructor(data.length));
  for (let y = 0, i = 0; y < out.rows; y++) {
    for (let x = 0; x < out.columns; x++, i++) {
      out.data[i] = turns === 1 ? data[(rows - 1 - x) * columns + y]
        : turns === 2 ? data[(rows - 1 - y) * columns + columns - 1 - x]
          : data[x * columns + columns - 1 - y];
    }
  }
  return out;
}

async function look(ink, turns, options) {
  const strength = withoutSpecks(ink.trace), sure = withoutSpecks(ink.sure);
  let rows = tracesOnly(findRows(sure), strength);
  if (!rows.length) return null;
  const pen = penWidth(strength, rows);
  const pulses = findPulses(ink.strength, rows);
  const clean = withoutPulses(strength, pulses), every = withoutPulses(ink.strength, pulses);
  const [left, right] = extent(rows, pulses);
  const hidden = tickMask(ink.raw, rows, pen, left, right);
  for (let i = 0; i < hidden.data.length; i++) if (hidden.data[i]) clean.data[i] = 0;
  const top = rint(rows[0].y - 12 * FLAT), bottom = rint(rows[rows.length - 1].y + 12 * FLAT);
  for (const x of longLines(clean, top, bottom)) {
    clean.fill(0, 0, clean.rows, x - 2, x + 3);
    hidden.fill(1, 0, clean.rows, x - 2, x + 3);
  }
  const covers = rows.map((row) => cover(strength, row, left, right));
  rows = rows.filter((_, k) => covers[k] > 0.6 * Math.max(...covers));
  const [above, below] = [rows[0].y - 25 * FLAT, rows[rows.length - 1].y + 25 * FLAT];
  let words = await findWords(apart(every, rows, pen), above, below);
  words = namesTakenOut(words, rows, left, right, ink, clean, every, hidden);
  const paths = pathsOf(ink, clean, hidden, rows, pen, left, right);
  const text = withoutPaths(every, paths, pen);
  // Pieces of strokes that were not visited look like an I: those are taken from above only.
  words.push(...(await findWords(text, above, below)).filter((word) =>
    Math.max(...["I", "II", "III"].map((lead) => word.chance(lead))) < 0.3));
  const [arrangement, first] = arranged(rows, paths, left, right, words, options.layout ?? null);
  const count = arrangement ? arrangement.names.length : 0;
  return {
    turns, pulses, left, right, paths: paths.slice(first, first + count), arrangement,
  };
}

/** The path of each row, with the fitted line. */
function pathsOf(ink, clean, hidden, rows, pen, left, right) {
  const taken = takenAway(clean, rows);
  const raw = ink.raw.map((value, i) =>
    (hidden.data[i] || (ink.strength.data[i] > 0.3 && clean.data[i] < 0.05) ? 0 : value));
  return rows.map((row, number) => {
    const own = ownInk(clean, rows, number, pen, taken[number], hidden, [left, right]);
    const close = maximumFilter(own.map((value) => (value > 0.3 ? 1 : 0), Uint8Array), 5);
    for (let i = 0; i < own.data.length; i++) {
      const foreign = clean.data[i] > 0.3 && own.data[i] <= 0;
      if (close.data[i] && !foreign) own.data[i] = raw.data[i];
    }
    const path = follow(own, hidden, row, left, right, pen);
    const known = own.map((value, i) =>
      ((clean.data[i] > 0.3 && value <= 0) || hidden.data[i] ? 0 : 1), Uint8Array);
    return { ...path, line: fitDrawing(own, known, path, pen) };
  });
}

/** The words that are names; they and names that touch a trace are hidden. */
function namesTakenOut(words, rows, left, right, ink, clean, every, hidden) {
  let kept = words.filter((word) => word.surest > 0.5);
  const borders = [0, 1, 2, 3].map((k) => left + ((right - left) * k) / 4);
  const lines = rows.map((row) => row.y);
  const place = usualPlace(kept, lines, borders, every);
  kept = kept.filter((word) => (place
    ? standsAt(word, place, lines, borders) : isName(word, rows, borders, ink, every)));
  const boxes = kept.map((word) => (
    { top: word.top - 1, bottom: word.bottom + 1, left: word.left - 1, right: word.right + 1 }));
  if (place) boxes.push(...missingBoxes(kept, place, lines, borders, every));
  for (const box of boxes) hideWord(box, clean, every, hidden);
  return kept;
}

/** Whether a word is a lead's name: a piece of a QRS looks like an I. */
function isName(word, rows, borders, ink, strength) {
  if (word.surest <= 0.5) return false;
  if (Math.max(...["I", "II", "III"].map((lead) => word.chance(lead))) < 0.3) return true;
  const box = [word.top, word.bottom, word.left, word.right];
  const text = ink.text.part(...box).data;
  const strokes = [];
  strength.part(...box).data.forEach((value, i) => {
    if (value > STROKE) strokes.push(text[i]);
  });
  if (strokes.length && strokes.reduce((a, b) => a + b, 0) / strokes.length > 0.3) return true;
  // Where the network of pixels is not sure: names stand where columns begin, off the line.
  if (!borders.some((border) => word.left - border > -4 * FLAT && word.left - border < 11 * FLAT)) {
    return false;
  }
  const middle = (word.left + word.right) >> 1;
  const gaps = rows.map((row) => Math.max(row.rough[middle] - word.bottom, word.top - row.rough[middle]));
  return Math.min(...gaps) > 1.5 * FLAT;
}

/** The best arrangement and the row it begins at: outer rows may be frames or text. */
function arranged(rows, paths, left, right, words, wanted) {
  let best = [-Infinity, null, 0];
  const waves = paths.map((path) => {
    const known = finite(path.y);
    return (quantile(known, 0.99) - quantile(known, 0.01)) / FLAT;
  });
  for (let first = 0; first < Math.min(3, rows.length); first++) {
    for (let last = rows.length; last > Math.max(first, rows.length - 3); last--) {
      const found = arrange(rows.slice(first, last), left, right, words, wanted);
      if (!found) continue;
      const lost = [...waves.slice(0, first), ...waves.slice(last)];
      const score = found.score - 0.25 * lost.filter((wave) => wave > 1.5).length;
      if (score > best[0]) best = [score, found, first];
    }
  }
  return best.slice(1);
}

export function scaleOf(pulses, options) {
  const warnings = [];
  let [gain, gainSource, speed, speedSource] = [10, "assumed", 25, "assumed"];
  if (pulses.length) {
    const height = median(pulses.map(heightOf));
    [gain] = [5, 10, 20].sort((a, b) => Math.abs(height - a) - Math.abs(height - b));
    gainSource = "pulse";
    // A rectangle of another height is a wide QRS.
    const other = Math.abs(height - gain) > 0.15 + 0.03 * gain;
    if (other || (pulses.length === 1 && gain !== 10)) [gain, gainSource] = [10, "assumed"];
  }
  if (options.gain) [gain, gainSource] = [options.gain, "given"];
  if (options.speed) [speed, speedSource] = [options.speed, "given"];
  if (gainSource === "assumed") {
    warnings.push("gain assumed to be 10 mm/mV: no pulse was found; see --gain");
  }
  if (speedSource === "assumed") warnings.push("speed assumed to be 25 mm/s; see --speed");
  return { scale: { speed, gain, speedSource, gainSource }, warnings };
}

function tracesOf(found, flat, given) {
  const { arrangement, left, right } = found;
  const traces = [];
  const width = right - left;
  const columns = Math.max(...arrangement.names.map((row) => row.length));
  const places = Float64Array.from({ length: NODES * width + 1 }, (_, i) => i / NODES);
  const steps = Float64Array.from({ length: width + 1 }, (_, i) => i);
  arrangement.names.forEach((names, number) => {
    const path = found.paths[number];
    const edges = [...linspace(0, width, names.length + 1)].map(rint);
    const inked = interpolated(places, steps, path.y.map((y) => (Number.isFinite(y) ? 1 : 0)));
    const line = path.line.map((y, i) => (inked[i] > 0.4 ? y : NaN));
    names.forEach((lead, column) => {
      const extra = column === names.length - 1 ? 1 : 0;
      const [first, last] = [edges[column], edges[column + 1] + extra];
      const x = places.slice(NODES * first, NODES * edges[column + 1] + extra);
      const y = line.slice(NODES * first, NODES * edges[column + 1] + extra);
      const known = finite(y);
      if (!known.length) return;
      const middle = median(known);
      let sure = 0;
      for (let k = first; k < last; k++) {
        if (Number.isFinite(path.y[k]) && path.confidence[k] > PEN_CONFIDENT) sure++;
      }
      traces.push({
        lead,
        x: x.map((place) => place / FLAT),
        y: y.map((place) => -(place - middle) / FLAT),
        confidence: sure / (last - first),
        row: number,
        column,
        rhythm: names.length === 1 && columns > 1,
        line: onPicture(x.map((place) => place + left), y, flat, found.turns),
      });
    });
  });
  const source = arrangement.seen >= 0.5 ? "picture" : given ? "given" : "layout";
  return { traces: withKnownRhythm(traces), source };
}

/** Name the rhythm rows that fit a lead above them; leave out those that fit none. */
function withKnownRhythm(traces) {
  const kept = traces.filter((trace) => !trace.rhythm);
  for (const row of traces.filter((trace) => trace.rhythm)) {
    const fits = kept.filter((trace) => !trace.rhythm)
      .map((trace) => [likeness(row, trace), trace.lead])
      .sort((a, b) => b[0] - a[0] || (a[1] < b[1] ? 1 : -1));
    const own = fits.find(([, lead]) => lead === row.lead);
    if (row.lead !== "?" && (!own || own[0] > FITS)) {
      kept.push(row);
    } else if (fits.length > 1 && fits[0][0] > 0.97 && fits[0][0] - fits[1][0] > 0.01) {
      // Seen amiss or not at all: ten seconds of the same beats say more than one word.
      kept.push({ ...row, lead: fits[0][1] });
    }
  }
  return kept.sort((a, b) => a.row - b.row || a.column - b.column);
}

/** The correlation of a trace with the same stretch of a longer one. */
function likeness(long, short) {
  const known = (trace) => [trace.x, trace.y].map((values) =>
    values.filter((_, i) => Number.isFinite(trace.y[i])));
  const [x, y] = known(short), [wholeX, wholeY] = known(long);
  if (x.length < 100 || wholeX.length < 100) return 0;
  let best = 0;
  for (let k = 0; k < 31; k++) {
    const late = -1.5 + k * 0.1;
    const other = interpolated(x.map((place) => place + late), wholeX, wholeY);
    if (spread(other) > 0 && spread(y) > 0) best = Math.max(best, correlation(y, other));
  }
  return best;
}

/** Where points of the turned flat page lie in the picture: x and y by turns, NaN where unknown. */
function onPicture(xs, ys, flat, turns) {
  const { rows, columns } = flat;
  const line = new Float64Array(2 * xs.length).fill(NaN);
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(ys[i])) continue;
    let [x, y] = [xs[i], ys[i]];
    if (turns === 1) [x, y] = [y, rows - 1 - x];
    else if (turns === 2) [x, y] = [columns - 1 - x, rows - 1 - y];
    else if (turns === 3) [x, y] = [columns - 1 - y, x];
    const left = clip(Math.trunc(x), 0, columns - 2), top = clip(Math.trunc(y), 0, rows - 2);
    const dx = x - left, dy = y - top, at = top * columns + left;
    [flat.mapX, flat.mapY].forEach(({ data }, axis) => {
      const upper = data[at] * (1 - dx) + data[at + 1] * dx;
      const lower = data[at + columns] * (1 - dx) + data[at + columns + 1] * dx;
      line[2 * i + axis] = upper * (1 - dy) + lower * dy;
    });
  }
  return line;
}

function namedRows(traces) {
  const rows = new Map();
  for (const { row, lead } of traces) rows.set(row, [...(rows.get(row) ?? []), lead]);
  return [...rows.keys()].sort((a, b) => a - b).map((row) => rows.get(row));
}
