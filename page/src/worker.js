// The work behind the page, off its main thread: reading, drawing, the network. Nothing here
// sends anything anywhere; it only fetches the page's own files.

import * as ort from "../vendor/ort.wasm.min.mjs";
import { Renderer } from "./drawing/renderer.js";
import { InputError } from "./recording/errors.js";
import { LEADS } from "./recording/header.js";
import { greyOf, pictureWarnings } from "./recording/picture.js";
import { turned } from "./recording/picture_file.js";
import { pageSlices } from "./recording/page_slices.js";
import { readForNetwork } from "./recording/reading.js";
import rules from "../assets/rules.js";
import { StripError } from "./strips/errors.js";
import { bytesOf, decoded, isPdf, pictureOf } from "./strips/intake.js";
import { useNetworks } from "./strips/networks.js";
import { canvasOf, drawOverlays } from "./strips/overlay.js";
import { openPdf, usePdf } from "./strips/pdf_paths.js";
import { readOpened, readPdf } from "./strips/read.js";
import { recordFiles } from "./strips/writing.js";

const OUT_OF_SIGHT = 100; // mV: beyond the axes a trace is clipped away, and the paper is left
const RECORD = /\.(hea|dat|mat)$/i;
const SHOWN_SIDE = 1600; // pixels of the longer side of what the page shows of a picture

let state = null;
let pictures = []; // of the last reading, for the occlusion
let opened = null; // the last picture of a printed page, to read it again otherwise
let lastPage = null; // what was read from it, for downloads

async function fetched(path, how) {
  const answer = await fetch(new URL(`../assets/${path}`, import.meta.url));
  if (!answer.ok) throw new Error(`the page's own file assets/${path} is missing`);
  return answer[how]();
}

async function checkedModel(sha256) {
  const bytes = await fetched("model.onnx", "arrayBuffer");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error("the page's model file is damaged: build the page again");
  return bytes;
}

async function load() {
  const [model, page, quality, slicing, background, segment, names] = await Promise.all([
    fetched("model.json", "json"),
    fetched("picture.json", "json"),
    fetched("quality.json", "json"),
    fetched("slicing.json", "json"),
    fetched("background.bin", "arrayBuffer"),
    fetched("segment.onnx", "arrayBuffer"),
    fetched("names.onnx", "arrayBuffer"),
  ]);
  let pdf = null;
  usePdf(() => (pdf ??= loadPdf()));
  const readers = { segment, names };
  useNetworks(ort, async (name) => new Uint8Array(readers[name]));
  ort.env.wasm.wasmPaths = new URL("../vendor/", import.meta.url).href;
  ort.env.wasm.numThreads = self.crossOriginIsolated
    ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  const session = await ort.InferenceSession.create(
    new Uint8Array(await checkedModel(model.onnxSha256)), { executionProviders: ["wasm"] });
  const renderer = new Renderer(page, new Uint8Array(background));
  const nothing = new Float64Array(page.samples).fill(OUT_OF_SIGHT);
  const empty = renderer.draw(LEADS.map(() => nothing));
  state = { model, page, quality, slicing, renderer, empty, session };
  await probabilitiesOf(empty); // the first run is slow: it is not part of any timing
  return { model, threads: ort.env.wasm.numThreads };
}

async function probabilitiesOf(picture) {
  const { session, page } = state;
  const input = new ort.Tensor("uint8", picture, [1, 1, page.size, page.size]);
  const output = await session.run({ [session.inputNames[0]]: input });
  return Array.from(output[session.outputNames[0]].data);
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function verdictOf(name, kind, starts, table, warnings, times) {
  const { classes } = state.model;
  const mean = classes.map((_, c) => table.reduce((sum, row) => sum + row[c], 0) / table.length);
  const best = mean.indexOf(Math.max(...mean));
  return {
    name,
    kind,
    starts,
    table,
    mean,
    best,
    surest: table.map((row) => row[best]).reduce((top, p, i, all) => (p > all[top] ? i : top), 0),
    warnings,
    times: { draw: times.draw.length ? median(times.draw) : null, infer: median(times.infer) },
    pictures,
  };
}

async function readTheRecord(files, part, progress) {
  const { slicing, renderer } = state;
  const { record, starts, warnings } = await readForNetwork(files.map(sourceOf), part, state);
  pictures = [];
  const table = [];
  const times = { draw: [], infer: [] };
  for (const [index, start] of starts.entries()) {
    progress(`slice ${index + 1} of ${starts.length}`);
    const begin = performance.now();
    const slice = record.signal.map((lead) => lead.subarray(start, start + slicing.length));
    pictures.push(renderer.draw(slice));
    const drawn = performance.now();
    table.push(await probabilitiesOf(pictures[index]));
    times.draw.push(drawn - begin);
    times.infer.push(performance.now() - drawn);
  }
  return {
    ...verdictOf(record.name, "record", starts, table, warnings, times),
    rate: slicing.rate,
    headerRate: record.headerRate,
    begin: record.begin,
    length: slicing.length,
    signal: record.signal,
  };
}

/** Read a picture: an image as the network's own, or a photograph, scan or PDF of a page. */
async function readThePicture(file, options, progress) {
  const { page } = state;
  const bytes = await bytesOf(file);
  await opened?.close?.();
  if (isPdf(bytes)) {
    progress("opening the PDF");
    opened = { pdf: await openPdf(bytes, file.name), name: file.name };
    opened.close = opened.pdf.close;
    return readThePage(options, progress);
  }
  progress("opening the image");
  const image = await decoded(bytes, file.name);
  if (image.bitmap.width === page.size && image.bitmap.height === page.size) {
    return readTheNetworksImage(image, file.name);
  }
  opened = { ...pictureOf(image, file.name), name: file.name };
  return readThePage(options, progress);
}

/** pdf.js with a worker of its own; loaded with the first PDF. */
async function loadPdf() {
  const vendor = new URL("../vendor/", import.meta.url);
  const pdfjs = await import(new URL("pdf.min.mjs", vendor).href);
  const port = new Worker(new URL("pdf.worker.min.mjs", vendor), { type: "module" });
  return { pdfjs, worker: pdfjs.PDFWorker.create({ port }) };
}

async function readTheNetworksImage({ bitmap, orientation }, file) {
  const { page, empty, quality } = state;
  const context = new OffscreenCanvas(page.size, page.size)
    .getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const stored = greyOf(context.getImageData(0, 0, page.size, page.size).data, file);
  const picture = turned(stored, page.size, orientation);
  const warnings = pictureWarnings(picture, empty, page, quality.picture, file);
  pictures = [picture];
  const begin = performance.now();
  const table = [await probabilitiesOf(picture)];
  const times = { draw: [], infer: [performance.now() - begin] };
  return verdictOf(file.replace(/\.[^.]*$/, ""), "image", [null], table, warnings, times);
}

/** Read what is open as a printed page; a refusal is an answer, with the picture. */
async function readThePage(options, progress) {
  const { picture, shrink, pdf, name } = opened;
  const begin = performance.now();
  lastPage = null;
  const shown = { kind: "page", file: name, canCut: Boolean(picture) };
  if (picture) {
    shown.width = Math.round(picture.width * shrink);
    shown.height = Math.round(picture.height * shrink);
    shown.preview = shownBitmap(canvasOf(picture));
  }
  try {
    const readings = pdf ? await readPdf(pdf, name, options, progress)
      : await readOpened(picture, shrink, name, options, progress);
    const found = readings[Math.min(options.number ?? 1, readings.length) - 1];
    lastPage = { ...found, options };
    const overlay = drawOverlays(found.sheets, true);
    const seconds = (performance.now() - begin) / 1000;
    const page = {
      report: found.report, overlay: shownBitmap(overlay), seconds, readings: readings.length,
    };
    return { ...shown, ...page, ...(await pageVerdict(found, progress)) };
  } catch (error) {
    if (!(error instanceof StripError)) throw error;
    return { ...shown, refused: error.message };
  }
}

/** The network's verdict on a page that was read, or why there is none. */
async function pageVerdict(found, progress) {
  const { slicing, renderer } = state;
  let slices;
  try {
    slices = pageSlices(found.signal, slicing, opened.name);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { noVerdict: error.message };
  }
  pictures = [];
  const table = [], times = { draw: [], infer: [] };
  for (const slice of slices) {
    progress("the network reads");
    const begin = performance.now();
    pictures.push(renderer.draw(slice.signal));
    const drawn = performance.now();
    table.push(await probabilitiesOf(pictures[pictures.length - 1]));
    times.draw.push(drawn - begin);
    times.infer.push(performance.now() - drawn);
  }
  const warnings = [
    ...found.report.warnings, rules.pageSlices.check, ...slices.flatMap((slice) => slice.warnings)];
  return {
    ...verdictOf(found.name, "page", slices.map((slice) => slice.begins[0]), table, warnings, times),
    rate: slicing.rate,
    length: slicing.length,
    slices: slices.map((slice) => slice.signal),
  };
}

/** A canvas as a bitmap of a size for the screen. */
function shownBitmap(canvas) {
  const share = Math.min(1, SHOWN_SIDE / Math.max(canvas.width, canvas.height));
  const small = new OffscreenCanvas(
    Math.max(1, Math.round(canvas.width * share)), Math.max(1, Math.round(canvas.height * share)));
  const context = small.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, small.width, small.height);
  return small.transferToImageBitmap();
}

async function reread({ options }, progress) {
  return readThePage(options, progress);
}

/** A file that the page that was read last is saved as. */
async function save({ what, keepPage }) {
  const { name, signal, report, sheets, options } = lastPage;
  const text = (content) => `${JSON.stringify(content, null, 2)}\n`;
  const made = {
    hea: () => [recordFiles(name, signal).header],
    dat: () => [recordFiles(name, signal).data],
    "report.json": () => [text(report)],
    "options.json": () => [text({ ...options, number: undefined })], // which EKG: not for Python
    "overlay.png": async () => [
      await drawOverlays(sheets, keepPage).convertToBlob({ type: "image/png" })],
  };
  return { name: `${name}.${what}`, parts: await made[what]() };
}

/** A file of which only what is needed is loaded: a recording of a day is larger than memory. */
const sourceOf = ({ name, blob }) => ({
  name, size: blob.size, read: (begin, end) => blob.slice(begin, end).arrayBuffer(),
});

async function read({ files, part, options }, progress) {
  if (files.length === 1 && !RECORD.test(files[0].name)) {
    return readThePicture(files[0], options ?? {}, progress);
  }
  return readTheRecord(files, part ?? {}, progress);
}

/** What the probability of a class loses when a lead's panel shows the empty grid. */
async function occlude({ index, target }, progress) {
  const { page, empty } = state;
  const picture = pictures[index];
  const whole = (await probabilitiesOf(picture))[target];
  const losses = [];
  for (const { lead, area } of page.panels) {
    progress(`without lead ${lead}`);
    const covered = picture.slice();
    for (let y = area.y1; y < area.y2; y++) {
      const row = y * page.size;
      covered.set(empty.subarray(row + area.x1, row + area.x2), row + area.x1);
    }
    losses.push(whole - (await probabilitiesOf(covered))[target]);
  }
  return { index, target, losses };
}

const tasks = { load, read, reread, save, occlude };
let queue = Promise.resolve();

self.onmessage = ({ data: { id, task, ...given } }) => {
  queue = queue.then(async () => {
    try {
      const progress = (text) => self.postMessage({ id, progress: text });
      const result = await tasks[task](given, progress);
      self.postMessage({ id, result }, [result.preview, result.overlay].filter(Boolean));
    } catch (error) {
      self.postMessage({
        id, error: error.message || String(error), expected: error instanceof InputError,
      });
    }
  });
};
