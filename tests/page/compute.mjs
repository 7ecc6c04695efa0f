// Runs the page's own modules in node, without a browser, and prints what they give as JSON.
//
// Standard input: {page: built folder, runtime: onnxruntime-web's folder or null,
// signals: file of float64 (n, 12, 1250) or null, records: [{files, starts?, part?}],
// onlyRead: true where nothing is to be drawn}.
// Standard output: {drawn: [sha256], records: [{starts, warnings, sha256, probabilities, samples,
// sums} or {error, problem, expected}], milliseconds: {draw, infer}}.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const given = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(pathToFileURL(join(given.page, "src", name)).href);
const asset = (name) => JSON.parse(readFileSync(join(given.page, "assets", name), "utf8"));
const { Renderer } = await load("drawing/renderer.js");
const { readForNetwork } = await load("recording/reading.js");

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

/** A file as the page's worker gives it: read in parts. */
function sourceOf(path) {
  const bytes = readFileSync(path);
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return {
    name: basename(path), size: bytes.length, read: async (begin, end) => whole.slice(begin, end),
  };
}

async function readOne({ files, starts, part }) {
  const { record, starts: found, warnings } = await readForNetwork(
    files.map(sourceOf), part ?? {}, { slicing, quality });
  const places = starts ?? found;
  const result = {
    starts: places,
    samples: record.signal[0].length,
    warnings,
    sums: record.signal.map((lead) => lead.reduce((sum, value, i) => sum + value * ((i % 7) + 1), 0)),
    sha256: [],
    probabilities: [],
  };
  if (given.onlyRead) return result;
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
    records.push({
      error: error.message,
      problem: error.problem,
      expected: error.constructor.name === "InputError",
      trace: error.stack,
    });
  }
}
process.stdout.write(JSON.stringify({
  drawn, records, milliseconds: { draw: median(times.draw), infer: median(times.infer) },
}));
