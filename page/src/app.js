// The page: takes files, asks the worker, shows what it answers.

import { Client } from "./client.js";
import { drawStrip, showPicture } from "./strip.js";
import { element, occlusionRows, percent, probabilityRows, sliceButtons } from "./views.js";

const $ = (id) => document.getElementById(id);
const client = new Client();
let model = null;
let reading = null;
let shown = { index: 0, losses: null };
let given = null; // the files that were chosen or dropped last, to read another part of them
let turn = 0; // counts readings: answers to an earlier one are dropped

function say(text, kind = "") {
  $("status").textContent = text;
  $("status").className = kind;
}

function describeModel({ model: loaded, threads }) {
  model = loaded;
  $("model-name").textContent = loaded.name;
  $("model-version").textContent = `ekg ${loaded.version}`;
  $("model-sha").textContent = loaded.weightsSha256.slice(0, 12);
  $("model-threads").textContent = String(threads);
  $("calibration").textContent = loaded.calibrated
    ? "A temperature fitted on validation data is applied to the probabilities."
    : "The probabilities are not calibrated: they are surer of themselves than they should be.";
  $("classes").replaceChildren(...loaded.classes.map(({ name, meaning }) =>
    element("li", {}, element("strong", {}, name), ` ${meaning}`)));
}

function offerExamples(examples) {
  $("examples").replaceChildren(...examples.map((example) =>
    element("button", {
      type: "button", "data-example": example.diagnosis, title: example.meaning,
      onclick: () => readExample(example),
    }, example.diagnosis)));
}

async function readExample(example) {
  try {
    const files = await Promise.all(example.files.map(async (name) => {
      const answer = await fetch(`examples/${name}`);
      if (!answer.ok) throw new Error(`the page's own file examples/${name} is missing`);
      return { name, blob: await answer.blob() };
    }));
    given = null;
    await readFiles(files, {}, `simulated example of ${example.diagnosis} (${example.meaning})`);
  } catch (error) {
    fail(error);
  }
}

/** Read the files that were given, or the part of them that is asked for. */
async function readGiven(list) {
  if (!list?.length) return;
  given = [...list].map((file) => ({ name: file.name, blob: file }));
  await readFiles(given, partAskedFor(), null);
}

function partAskedFor() {
  const seconds = (id) => ($(id).value === "" ? null : Number($(id).value));
  return { from: seconds("from"), to: seconds("to") };
}

function fail(error) {
  reading = null;
  $("result").hidden = true;
  say(error.expected ? error.message : `This did not work: ${error.message}`, "error");
}

async function readFiles(files, part, note) {
  const mine = ++turn;
  say("Reading…");
  try {
    const answer = await client.ask("read", { files, part }, (text) => {
      if (mine === turn) say(`Reading: ${text}…`);
    });
    if (mine !== turn) return;
    reading = answer;
    showReading(note);
    await explain();
  } catch (error) {
    if (mine === turn) fail(error);
  }
}

function showReading(note) {
  const { classes } = model;
  const { name, kind, best, mean, table, warnings, times, surest } = reading;
  shown = { index: surest, losses: null };
  $("result").hidden = false;
  $("verdict").textContent = `${classes[best].name}: ${classes[best].meaning}`;
  $("verdict").dataset.diagnosis = classes[best].name;
  const begin = reading.begin ? ` from ${reading.begin.toFixed(2)}\u00a0s on` : "";
  const source = kind === "record"
    ? `Record ${name}${begin}, ${(reading.signal[0].length / reading.rate).toFixed(1)}\u00a0s at ` +
      `${reading.headerRate}\u00a0Hz` +
      (reading.headerRate === reading.rate ? "" : `, resampled to ${reading.rate}\u00a0Hz`)
    : `Image ${name}`;
  const slices = kind === "record"
    ? `; mean of ${table.length} slice${table.length > 1 ? "s" : ""} of 2.5\u00a0s` : "";
  $("source").textContent = `${source}${note ? `, ${note}` : ""}${slices}.`;
  $("warnings").replaceChildren(...warnings.map((text) => element("li", {}, text)));
  $("warnings-box").hidden = warnings.length === 0;
  $("probabilities").replaceChildren(...probabilityRows(classes, mean, table));
  $("timing").textContent =
    `Time an image on this machine: ${times.draw === null ? "" : `drawing ${times.draw.toFixed(0)}\u00a0ms, `}` +
    `network ${times.infer.toFixed(0)}\u00a0ms.`;
  $("probabilities-title").textContent =
    table.length > 1 ? "Probabilities: mean and standard deviation over the slices" : "Probabilities";
  $("slices-box").hidden = kind !== "record";
  $("strip-box").hidden = kind !== "record";
  $("picture-box").open = kind !== "record";
  showSlice();
  say(`Done. The network says ${classes[best].name}, ${percent(mean[best])}. ` +
    "Not for clinical use.", "done");
  $("verdict").focus({ preventScroll: false });
}

function showSlice() {
  const { kind, pictures } = reading;
  const { index, losses } = shown;
  if (kind === "record") {
    $("slices").replaceChildren(...sliceButtons(reading, model.classes, index, chooseSlice));
    const start = reading.starts[index];
    const leads = reading.signal.map((lead) => lead.subarray(start, start + reading.length));
    drawStrip($("strip"), leads, losses);
    $("strip-caption").textContent =
      `Slice ${index + 1} of ${reading.table.length}, from ${(start / reading.rate).toFixed(2)} s: ` +
      "2.5 s of every lead; thick lines every 0.2 s and 0.5 mV." +
      (losses ? " Tinted: leads without which the verdict loses most." : "");
  }
  showPicture($("picture"), pictures[index], model.imageSize);
}

function chooseSlice(index) {
  shown = { index, losses: null };
  showSlice();
  $("slices").querySelectorAll("button")[index].focus();
  explain();
}

async function explain() {
  const mine = turn;
  const { index } = shown;
  const target = reading.best;
  $("occlusion").replaceChildren();
  $("occlusion-title").textContent = `Probability of ${model.classes[target].name} ` +
    (reading.kind === "record" ? `in slice ${index + 1} ` : "") + "without each lead";
  $("occlusion-status").textContent = "Covering one lead after the other…";
  try {
    const answer = await client.ask("occlude", { index, target });
    if (mine !== turn || index !== shown.index) return;
    shown.losses = answer.losses;
    $("occlusion").replaceChildren(...occlusionRows(answer.losses));
    $("occlusion-status").textContent = "Change in percentage points when a lead's panel is empty.";
    showSlice();
  } catch (error) {
    if (mine === turn) $("occlusion-status").textContent = `This did not work: ${error.message}`;
  }
}

function watchDrops() {
  const zone = $("drop");
  const hold = (event) => {
    event.preventDefault();
    zone.classList.toggle("over", event.type === "dragover");
  };
  // The whole window takes a drop, so that a file let go beside the box is not opened instead.
  for (const kind of ["dragover", "dragleave", "drop"]) window.addEventListener(kind, hold);
  window.addEventListener("drop", (event) => {
    if (model) readGiven(event.dataTransfer.files).catch(fail);
  });
  $("files").addEventListener("change", async () => {
    const chosen = [...$("files").files];
    $("files").value = "";
    await readGiven(chosen).catch(fail);
  });
}

function watchPart() {
  for (const id of ["from", "to"]) {
    $(id).addEventListener("change", () => {
      if (given) readFiles(given, partAskedFor(), null);
    });
  }
}

async function start() {
  say("Loading the network…"); // in place of the line that says why it may not start
  watchDrops();
  watchPart();
  const redraw = () => { if (reading) showSlice(); };
  let timer = 0;
  window.addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(redraw, 150);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  try {
    describeModel(await client.ask("load"));
    const examples = await (await fetch("examples/examples.json")).json();
    offerExamples(examples);
    $("files").disabled = false;
    say("Ready. Everything stays on this machine.");
  } catch (error) {
    say(`The page cannot start: ${error.message}`, "error");
  }
}

start();
