// The work behind the page, off its main thread: reading, drawing, the network. Nothing here
// sends anything anywhere; it only fetches the page's own files.

import * as ort from "../vendor/ort.wasm.min.mjs";
import { Renderer } from "./drawing/renderer.js";
import { InputError } from "./recording/errors.js";
import { LEADS } from "./recording/header.js";
import { greyOf, pictureWarnings } from "./recording/picture.js";
import { openPicture, turned } from "./recording/picture_file.js";
import { readForNetwork } from "./recording/reading.js";

const OUT_OF_SIGHT = 100; // mV: beyond the axes a trace is clipped away, and the paper is left
const MOST_IMAGE_BYTES = 64 * 1024 * 1024;
const IMAGE = /\.(png|jpe?g|bmp|gif|webp|tiff?)$/i;

let state = null;
let pictures = []; // of the last reading, for the occlusion

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
  const [model, page, quality, slicing, background] = await Promise.all([
    fetched("model.json", "json"),
    fetched("picture.json", "json"),
    fetched("quality.json", "json"),
    fetched("slicing.json", "json"),
    fetched("background.bin", "arrayBuffer"),
  ]);
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

async function readTheImage(file) {
  const { page, empty, quality } = state;
  if (file.blob.size > MOST_IMAGE_BYTES) throw new InputError(`${file.name} is too large`);
  const { bytes, orientation } = openPicture(await file.blob.arrayBuffer(), file.name);
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes]), {
      colorSpaceConversion: "none", premultiplyAlpha: "none",
    });
  } catch {
    throw new InputError(`${file.name} cannot be read as an image`);
  }
  if (bitmap.width !== page.size || bitmap.height !== page.size) {
    throw new InputError(
      `${file.name} is ${bitmap.width} x ${bitmap.height} pixels, the network reads ` +
      `${page.size} x ${page.size}: draw it with python -m ekg render, or give the WFDB record`);
  }
  const context = new OffscreenCanvas(page.size, page.size)
    .getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const stored = greyOf(context.getImageData(0, 0, page.size, page.size).data, file.name);
  const picture = turned(stored, page.size, orientation);
  const warnings = pictureWarnings(picture, empty, page, quality.picture, file.name);
  pictures = [picture];
  const begin = performance.now();
  const table = [await probabilitiesOf(picture)];
  const times = { draw: [], infer: [performance.now() - begin] };
  const name = file.name.replace(/\.[^.]*$/, "");
  return verdictOf(name, "image", [null], table, warnings, times);
}

/** A file of which only what is needed is loaded: a recording of a day is larger than memory. */
const sourceOf = ({ name, blob }) => ({
  name, size: blob.size, read: (begin, end) => blob.slice(begin, end).arrayBuffer(),
});

async function read({ files, part }, progress) {
  if (files.length === 1 && IMAGE.test(files[0].name)) return readTheImage(files[0]);
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

const tasks = { load, read, occlude };
let queue = Promise.resolve();

self.onmessage = ({ data: { id, task, ...given } }) => {
  queue = queue.then(async () => {
    try {
      const progress = (text) => self.postMessage({ id, progress: text });
      self.postMessage({ id, result: await tasks[task](given, progress) });
    } catch (error) {
      self.postMessage({
        id, error: error.message || String(error), expected: error instanceof InputError,
      });
    }
  });
};
