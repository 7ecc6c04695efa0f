// Read a file: what it shows becomes a recording or a refusal (`ekg/strips/read.py`).

import rules from "../../assets/rules.js";
import constants from "./constants.js";
import { StripError } from "./errors.js";
import { judge } from "./judge.js";
import { layoutNamed } from "./layout.js";
import { correlation, rounded, windowSums } from "./numeric/arrays.js";
import { solved } from "./numeric/linear.js";
import { straightened } from "./numeric/pillow.js";
import { render } from "./pdf_paths.js";
import { readPicture } from "./picture.js";
import { RATE, toSignal } from "./reading.js";
import { readVector } from "./vector.js";

const { _OVERLAY_DPI: OVERLAY_DPI } = constants.read;
const { PDF_DPI } = constants.intake;

/** The record's name: the file's, with `_` for what WFDB forbids. */
export function recordName(file) {
  const stem = file.replace(/(?<=.)\.[^.]*$/, "");
  return [...stem].map((c) => (/[A-Za-z0-9_-]/.test(c) ? c : "_")).join("") || "_";
}

/**
 * Read a picture of a page.
 * @param {Picture} picture
 * @param {number} shrink pixels of the file for one of the picture
 * @param {string} file its name
 * @param {{layout?: string, speed?: number, gain?: number, corners?: number[][]}} given what the
 *   user says; corners in the file's pixels, clockwise from the paper's upper left
 * @param {(text: string) => void} progress
 * @returns {Promise<object[]>} one reading: {name, signal, report, sheets: [{page, picture,
 *   pixelsPerMm}]}
 */
export async function readOpened(picture, shrink, file, given, progress) {
  try {
    return [readingOf([await readPixels(picture, shrink, given, progress, 1, 1)], recordName(file), file, [])];
  } catch (error) {
    throw named(error, file);
  }
}

const named = (error, file, front = "") => (error instanceof StripError
  ? new StripError(front + error.problem, error.remedy, file) : error);

async function readPixels(picture, shrink, given, progress, number, count) {
  const seen = given.corners
    ? rectified(picture, given.corners.map((point) => point.map((part) => part / shrink))) : picture;
  const layout = given.layout ? layoutNamed(given.layout) : null;
  const found = await readPicture(seen, { ...given, layout }, progress);
  return { number, count, verdict: judge(found), picture: seen, pixelsPerMm: found.facts.pixels_per_mm };
}

/**
 * Read the pages of a PDF: each that shows an EKG is a reading; a limb page and a chest page that
 * follow each other are one.
 * @param {{pages: object[], ops: object}} pdf as `openPdf` gives
 */
export async function readPdf(pdf, file, given, progress) {
  const done = [], problems = [];
  const count = pdf.pages.length;
  for (const [index, page] of pdf.pages.entries()) {
    progress(count > 1 ? `page ${index + 1} of ${count}` : "reading the PDF");
    try {
      const scale = OVERLAY_DPI / 25.4;
      const found = await readVector(page, pdf.ops, given, scale);
      done.push(found
        ? { number: index + 1, count, verdict: judge(found), source: page, pixelsPerMm: scale }
        : await readPixels(await render(page, PDF_DPI), 1, given, progress, index + 1, count));
    } catch (error) {
      const problem = named(error, file, count > 1 ? `page ${index + 1}: ` : "");
      if (!(problem instanceof StripError)) throw problem;
      problems.push(problem);
    }
  }
  if (!done.length) throw problems[0];
  const groups = grouped(done);
  for (const one of done) one.picture ??= await render(one.source, OVERLAY_DPI);
  return groups.map((group, k) => readingOf(group,
    groups.length > 1 ? `${recordName(file)}-p${k + 1}` : recordName(file), file,
    k === 0 ? problems.map((problem) => problem.problem) : []));
}

const leadsOf = (pages) => new Set(pages.flatMap((one) =>
  one.verdict.page.traces.map(({ lead }) => lead.replace(/^-/, ""))));

/** Put a page with some leads and the next page with the others together. */
function grouped(pages) {
  const groups = [];
  for (const page of pages) {
    const group = groups[groups.length - 1];
    const own = leadsOf([page]), last = group ? leadsOf(group) : new Set();
    const apart = ![...own].some((lead) => last.has(lead)) && own.size + last.size <= 12;
    if (group && apart && page.count > 1) group.push(page);
    else groups.push([page]);
  }
  return groups;
}

function readingOf(group, name, file, notes) {
  let signal = null;
  const starts = group.map(({ verdict }) => {
    const own = toSignal(verdict.page);
    if (!signal) {
      signal = own;
      return 0;
    }
    const start = simultaneous(signal, own) ? 0 : signal[0].length;
    signal = appended(signal, own, start);
    return start;
  });
  return {
    name,
    signal,
    report: reportOf(group, signal, starts, file, notes),
    sheets: group.map(({ verdict, picture, pixelsPerMm }) => ({ page: verdict.page, picture, pixelsPerMm })),
  };
}

/** Join the signals of two pages, the second from `start` on. */
function appended(first, second, start) {
  const length = Math.max(first[0].length, start + second[0].length);
  return first.map((row, lead) => {
    const joined = new Float64Array(length).fill(NaN);
    joined.set(row);
    if (second[lead].some(Number.isFinite)) joined.set(second[lead], start);
    return joined;
  });
}

/** Whether the beats of two pages fall together: then they show the same seconds. */
function simultaneous(first, second) {
  const count = Math.min(first[0].length, second[0].length);
  if (Math.abs(first[0].length - second[0].length) > 0.02 * count) return false;
  return correlation(activity(first, count), activity(second, count)) > 0.7;
}

/** How fast the leads change, smoothed over 60 ms: high where there are QRS. */
function activity(signal, count) {
  const zero = (value) => (Number.isFinite(value) ? value : 0);
  const steps = Float64Array.from({ length: count - 1 }, (_, i) => Math.min(0.5,
    signal.reduce((sum, row) => sum + Math.abs(zero(row[i + 1]) - zero(row[i])), 0)));
  return windowSums(steps, 30).map((value) => value / 30);
}

/** The part of a picture between four corners as a rectangle. */
export function rectified(picture, corners) {
  const { width, height } = picture;
  if (corners.some(([x, y]) => x < -0.5 || y < -0.5 || x > width + 0.5 || y > height + 0.5)) {
    throw new StripError(`a corner is outside the image of ${width} x ${height} pixels`,
      "give corners in the image's own pixels");
  }
  const sides = corners.map(([x, y], k) => {
    const [u, v] = corners[(k + 1) % 4];
    return Math.hypot(u - x, v - y);
  });
  const wide = Math.round(Math.max(sides[0], sides[2])), high = Math.round(Math.max(sides[1], sides[3]));
  if (Math.min(wide, high) < 100) {
    throw new StripError("the corners lie too close together", "give the paper's corners");
  }
  const system = [], right = [];
  [[0, 0], [wide, 0], [wide, high], [0, high]].forEach(([x, y], k) => {
    const [u, v] = corners[k];
    system.push([x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]);
    right.push(u, v);
  });
  const eight = solved(system, right);
  if (!eight) throw new StripError("the corners span no page", "give the paper's corners");
  return straightened(picture, wide, high, [...eight]);
}

function reportOf(group, signal, starts, file, notes) {
  const leads = {};
  rules.leads.forEach((lead, row) => {
    const first = signal[row].findIndex(Number.isFinite);
    if (first < 0) return;
    leads[lead] = { from: first / RATE, to: (signal[row].findLastIndex(Number.isFinite) + 1) / RATE };
  });
  const pages = group.map(({ number, verdict: { page, refused, checks } }, k) => {
    for (const { lead, confidence } of page.traces) {
      const name = lead.replace(/^-/, "");
      if (leads[name]) leads[name].confidence = rounded(confidence, 3);
    }
    return {
      page: number,
      begins: starts[k] / RATE,
      method: page.method,
      layout: page.layout,
      names_from: page.namesSource,
      speed_mm_per_s: page.scale.speed,
      speed_from: page.scale.speedSource,
      gain_mm_per_mv: page.scale.gain,
      gain_from: page.scale.gainSource,
      facts: page.facts,
      checks,
      refused_leads: refused,
    };
  });
  return {
    file,
    outcome: pages.some((page) => Object.keys(page.refused_leads).length) ? "read in part" : "read",
    leads,
    pages,
    warnings: [...group.flatMap(({ verdict }) => verdict.page.warnings), ...notes],
    note: "Not for clinical use. Check the overlay against the page.",
  };
}
