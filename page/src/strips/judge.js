// Accept a page, accept some of its leads, or refuse it with the reason and what to do
// (`ekg/strips/judge.py`).

import constants from "./constants.js";
import { StripError } from "./errors.js";
import { correlation, rint, rolled, variance } from "./numeric/arrays.js";
import { sampleCount, sampled } from "./reading.js";

const {
  CONFIDENT, EINTHOVEN, RHYTHM, NAMED, LARGEST, _BAR: BAR,
} = constants.judge;

const LEADS = new Set(Object.values(constants.layout._NAMES)); // and one inverted
const known = (lead) => LEADS.has(lead);
const percent = (share) => `${rint(100 * share)}%`;

/**
 * Check a page's traces against each other.
 * @returns {{page: object, refused: Record<string, string>,
 *   checks: {einthoven: number | null, rhythm: number | null}}} the page with accepted leads alone
 */
export function judge(page) {
  const count = sampleCount(page);
  const refused = {};
  let kept = [];
  for (const trace of page.traces) {
    if (!known(trace.lead)) {
      refused[trace.lead] = "is none of the twelve leads";
      continue;
    }
    let largest = 0;
    for (const value of sampled(trace, page, count)) {
      if (Math.abs(value) > largest) largest = Math.abs(value);
    }
    if (trace.confidence < CONFIDENT) {
      refused[trace.lead] = `only ${percent(trace.confidence)} of it is confident`;
    } else if (largest > LARGEST) {
      refused[trace.lead] = `reaches ${largest.toFixed(1)} mV`;
    } else {
      kept.push(trace);
    }
  }
  const shown = page.traces.filter((trace) => known(trace.lead));
  if (!shown.length) {
    throw new StripError("shows none of the twelve standard leads", "nothing of it can be used");
  }
  refuseTwice(kept);
  kept = betterOfTwo(kept, page, count, refused);
  const checks = { einthoven: einthovenOf(kept, page, count), rhythm: rhythmOf(kept, page, count) };
  if (checks.einthoven !== null && checks.einthoven > EINTHOVEN) {
    throw new StripError(
      `II - I - III has ${percent(checks.einthoven)} of the limb leads' power ` +
      `(expected at most ${percent(EINTHOVEN)}): leads or scale were misread`,
      "give --layout, or a sharper picture");
  }
  if (checks.rhythm !== null && checks.rhythm < RHYTHM) {
    throw new StripError(
      `a rhythm row fits its own lead only with r = ${checks.rhythm.toFixed(2)} ` +
      `(expected ${RHYTHM})`, "give --layout, or a sharper picture");
  }
  refuseUnnamed(page, checks);
  if (kept.length < 0.5 * shown.length) {
    throw new StripError(
      `only ${kept.length} of the ${shown.length} traces could be read with confidence`,
      "give a sharper, evenly lit picture of the whole page");
  }
  return { page: { ...page, traces: kept }, refused, checks };
}

/** Where a rhythm row and its own lead differ, keep the one that the other two leads confirm. */
function betterOfTwo(kept, page, count, refused) {
  for (const row of kept.filter(({ rhythm, lead }) => rhythm && ["I", "II", "III"].includes(lead))) {
    const own = kept.filter((one) => one.lead === row.lead && !one.rhythm);
    if (!own.length) continue;
    const fit = rhythmOf([row, ...own], page, count);
    if (fit === null || fit >= RHYTHM) continue;
    for (const [wrong, place] of [[own[0], "column"], [row, "row"]]) {
      const rest = kept.filter((trace) => trace !== wrong);
      const power = einthovenOf(rest, page, count);
      if (power !== null && power <= EINTHOVEN) {
        refused[`${wrong.lead} (${place})`] = "differs from the same lead elsewhere";
        kept = rest;
        break;
      }
    }
  }
  return kept;
}

/** Refuse a page whose names were not seen, unless what it shows says the order itself. */
function refuseUnnamed(page, { einthoven, rhythm }) {
  if (page.namesSource !== "layout") return;
  const seen = page.facts.names_seen;
  const sure = typeof seen === "number" && seen >= NAMED &&
    einthoven !== null && einthoven < 0.1 && rhythm !== null && rhythm > 0.95;
  if (!sure) {
    throw new StripError("too few of the lead names could be read", "give the arrangement with --layout");
  }
}

/** Refuse a page on which one name stands at two traces that are no rhythm row. */
function refuseTwice(kept) {
  const seen = new Set();
  for (const { lead, rhythm } of kept) {
    if (rhythm) continue;
    if (seen.has(lead)) {
      throw new StripError(`lead ${lead} is found twice`, "give the arrangement with --layout");
    }
    seen.add(lead);
  }
}

/** The power of II - I - III over that of the three, null where not simultaneous. */
function einthovenOf(kept, page, count) {
  const columns = new Set(kept.filter((one) => !one.rhythm).map((one) => one.lead));
  const signals = {};
  for (const trace of kept) {
    if (!trace.rhythm || !columns.has(trace.lead)) signals[trace.lead] = sampled(trace, page, count);
  }
  const { I, II, III } = signals;
  if (!I || !II || !III) return null;
  const both = [];
  for (let i = 0; i < count; i++) if (Number.isFinite(I[i] + II[i] + III[i])) both.push(i);
  if (both.length < 500) return null;
  const [one, two, three] = [I, II, III].map((lead) => Float64Array.from(both, (i) => lead[i]));
  const inner = (values) => values.slice(BAR, -BAR); // a bar between columns may hide a QRS of one row
  let best = Infinity;
  for (let late = -4; late < 5; late++) { // rows are cut at slightly different places
    const moved = rolled(one, late);
    best = Math.min(best, variance(inner(two.map((value, i) => value - moved[i] - three[i]))));
  }
  const power = [one, two, three].reduce((total, part) => total + variance(inner(part)), 0) / 3;
  return best / Math.max(power, 1e-9);
}

/** The lowest correlation of a rhythm row with its own lead, null without one. */
function rhythmOf(kept, page, count) {
  const found = [];
  for (const row of kept.filter((trace) => trace.rhythm)) {
    for (const lead of kept.filter((one) => one.lead === row.lead && !one.rhythm)) {
      const first = sampled(row, page, count), second = sampled(lead, page, count);
      const both = [];
      for (let i = 0; i < count; i++) if (Number.isFinite(first[i] + second[i])) both.push(i);
      if (both.length < 500) continue;
      found.push(lateCorrelation(
        Float64Array.from(both, (i) => first[i]), Float64Array.from(both, (i) => second[i])));
    }
  }
  return found.length ? Math.min(...found) : null;
}

function lateCorrelation(first, second) {
  let best = -1;
  const other = second.slice(20, -20);
  for (let late = -15; late < 16; late++) {
    best = Math.max(best, correlation(rolled(first, late).slice(20, -20), other));
  }
  return best;
}
