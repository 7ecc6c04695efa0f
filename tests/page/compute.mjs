// Runs the page's own modules in node, without a browser, and prints what they give as JSON.
//
// Standard input: {page: built folder, runtime: onnxruntime-web's folder or null,
// signals: file of float64 (n, 12, 1250) or null, records: [{files, starts?}]}.
// Standard output: {drawn: [sha256], records: [{starts, warnings, sha256, probabilities, samples,
// signal} or {error}], milliseconds: {draw, infer}}.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const given = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(pathToFileURL(join(given.page, "src", name)).href);
const asset = (name) => JSON.parse(readFileSync(join(given.page, "assets", name), "utf8"));
const { Renderer } = await load("drawing/renderer.js");
const { readRecord } = await load("recording/record.js");
const { sliceStarts } = await load("recording/slices.js");
const { isFlatThroughout, warningsOf } = await load("recording/quality.js");

const slicing = asset("slicing.json");
const quality = asset("quality.json");
const background = new Uint8Array(readFileSync(join(given.page, "assets", "background.bin")));
const renderer = new Renderer(asset("picture.json"), background);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const times = { draw: [], infer: [] };
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? null;

let infer = null;
if (given.runtime) {
  const ort = await import(pathToFileURL(join(given.runtime, "dist", "ort.node.min.mjs")).href);
  ort.env.wasm.numThreads = 1;
  const model = new Uint8Array(readFileSync(join(given.page, "assets", "model.onnx")));
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  infer = async (picture) => {
    const { size } = renderer;
    const input = new ort.Tensor("uint8", picture, [1, 1, size, size]);
    const output = await session.run({ [session.inputNames[0]]: input });
    return Array.from(output[session.outputNames[0]].data);
  };
}

function draw(slice) {
  const begin = performance.now();
  const picture = renderer.draw(slice);
  times.draw.push(performance.now() - begin);
  return picture;
}

const drawn = [];
if (given.signals) {
  const bytes = readFileSync(given.signals);
  const all = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  for (let at = 0; at < all.length; at += 12 * slicing.length) {
    drawn.push(sha256(draw(Array.from({ length: 12 }, (_, lead) =>
      all.subarray(at + lead * slicing.length, at + (lead + 1) * slicing.length)))));
  }
}

async function readOne({ files, starts }) {
  const record = readRecord(files.map((path) => {
    const bytes = readFileSync(path);
    return {
      name: basename(path),
      bytes: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    };
  }), slicing.rate);
  const samples = record.signal[0].length;
  const places = starts ?? (await sliceStarts(record.name, samples, slicing));
  const result = {
    starts: places,
    samples,
    flat: isFlatThroughout(record.signal, quality.limits),
    warnings: warningsOf(record, quality),
    sums: record.signal.map((lead) => lead.reduce((sum, value, i) => sum + value * ((i % 7) + 1), 0)),
    sha256: [],
    probabilities: [],
  };
  for (const start of places) {
    const picture = draw(record.signal.map((lead) => lead.subarray(start, start + slicing.length)));
    result.sha256.push(sha256(picture));
    if (infer) {
      const begin = performance.now();
      result.probabilities.push(await infer(picture));
      times.infer.push(performance.now() - begin);
    }
  }
  return result;
}

const records = [];
for (const record of given.records ?? []) {
  try {
    records.push(await readOne(record));
  } catch (error) {
    records.push({ error: error.message, expected: error.constructor.name === "InputError" });
  }
}
process.stdout.write(JSON.stringify({
  drawn, records, milliseconds: { draw: median(times.draw), infer: median(times.infer) },
}));
