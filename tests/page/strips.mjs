// Runs the page's reader of printed pages in node and prints what it gives as JSON.
//
// Standard input: {page: folder with src and assets, runtime: onnxruntime-web's folder or null,
// networks: folder of the two networks, pdfjs: pdfjs-dist's folder or null, pictures: [{pixels: file
// of RGB bytes, width, height, stages: [name], out: folder, options: {layout, speed, gain}} or
// {pdf: file, number: page from 1, out, options}]}.
// Standard output: [{traces, ..., seconds of CPU} or {refused, remedy}], and files of numbers in
// `out`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const given = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(pathToFileURL(join(given.page, "src", "strips", name)).href);
const { Picture } = await load("numeric/pillow.js");
const { useNetworks } = await load("networks.js");
const { darkness, grow } = await load("grid.js");
const { findSeed } = await load("seed.js");
const { refine } = await load("flatten.js");
const { flatPage, readPicture } = await load("picture.js");
const { findInk } = await load("ink.js");
const { judge } = await load("judge.js");
const { toSignal } = await load("reading.js");
const { layoutNamed } = await load("layout.js");
const { StripError } = await load("errors.js");
const { openPdf, usePdf } = await load("pdf_paths.js");
const { readVector } = await load("vector.js");

if (given.runtime) {
  const ort = await import(pathToFileURL(join(given.runtime, "dist", "ort.node.min.mjs")).href);
  ort.env.wasm.numThreads = 1;
  useNetworks(ort, async (name) => new Uint8Array(readFileSync(join(given.networks, `${name}.onnx`))));
}

if (given.pdfjs) {
  const folder = join(given.pdfjs, "legacy", "build"); // for this node; browsers get the other
  globalThis.DOMMatrix ??= class {}; // asked for when it is loaded, used only to draw
  const pdfjs = await import(pathToFileURL(join(folder, "pdf.mjs")).href);
  pdfjs.GlobalWorkerOptions.workerSrc = pathToFileURL(join(folder, "pdf.worker.mjs")).href;
  usePdf(async () => ({ pdfjs, worker: null }));
}

const woven = (x, y) => Float32Array.from({ length: 2 * x.length }, (_, i) => (i % 2 ? y : x)[i >> 1]);

async function stagesOf(picture, wanted) {
  const found = {};
  if (wanted.includes("grid")) {
    const { most, least } = darkness(picture, 16);
    const seed = findSeed(most);
    const { lattice, grower } = grow(most, seed);
    const nodes = refine(lattice, grower, { most, least });
    Object.assign(found, {
      most: most.data,
      least: least.data,
      seed: Float32Array.from(
        [seed.x, seed.y, ...seed.right, ...seed.down, seed.score, seed.margin]),
      lattice: woven(lattice.x, lattice.y),
      latticeQuality: Float32Array.from(lattice.quality),
      nodes: woven(nodes.x, nodes.y),
      quality: Float32Array.from(nodes.quality),
    });
  }
  if (wanted.includes("ink")) {
    const { flat, unit, margin } = flatPage(picture);
    const ink = await findInk(flat);
    Object.assign(found, {
      unit: Float32Array.of(unit),
      margin: Float32Array.of(margin),
      mapX: flat.mapX.data,
      mapY: flat.mapY.data,
      flat: Float32Array.from({ length: 3 * flat.mapX.data.length },
        (_, i) => flat.rgb[i % 3].data[Math.floor(i / 3)]),
      ...Object.fromEntries(Object.entries(ink).map(([name, plane]) => [name, plane.data])),
    });
  }
  return found;
}

async function readOne({ pixels, width, height, stages, out, options, pdf, number }) {
  const begin = process.cpuUsage();
  const seconds = () => {
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1e6;
  };
  const times = [];
  const { layout, speed, gain } = options ?? {};
  const given = { layout: layout ? layoutNamed(layout) : null, speed, gain };
  try {
    if (pdf) {
      const { pages, ops, close } = await openPdf(new Uint8Array(readFileSync(pdf)), pdf);
      const found = await readVector(pages[(number ?? 1) - 1], ops, given, 150 / 25.4);
      await close();
      return found ? { ...told(found, out), seconds: seconds() } : { raster: true };
    }
    const picture = new Picture(width, height, new Uint8Array(readFileSync(pixels)));
    for (const [name, values] of Object.entries(await stagesOf(picture, stages ?? []))) {
      writeFileSync(join(out, `${name}.f32`), values);
    }
    if (!options) return null;
    const found = await readPicture(picture, given, (text) => times.push([text, seconds()]));
    return { ...told(found, out), seconds: seconds(), times };
  } catch (error) {
    if (!(error instanceof StripError)) throw error;
    return { refused: error.problem, remedy: error.remedy, seconds: seconds(), times };
  }
}

/** What was read, and its signal as a file of float64. */
function told(found, out) {
  const { page, refused, checks } = judge(found);
  const signal = toSignal(page);
  writeFileSync(join(out, "signal.f64"), new Float64Array(signal.flatMap((lead) => [...lead])));
  return {
    samples: signal[0].length,
    traces: page.traces.map((trace) => [trace.lead, trace.row, trace.column, trace.rhythm]),
    confidence: page.traces.map((trace) => trace.confidence),
    layout: page.layout,
    namesSource: page.namesSource,
    facts: page.facts,
    warnings: page.warnings,
    scale: [page.scale.speed, page.scale.gain, page.scale.speedSource, page.scale.gainSource],
    refusedLeads: refused,
    checks,
  };
}

const answers = [];
for (const picture of given.pictures) answers.push(await readOne(picture));
process.stdout.write(JSON.stringify(answers));
