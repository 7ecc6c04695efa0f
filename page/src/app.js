// The page: takes files, asks the worker, shows what it answers.

import { Client } from "./client.js";
import { factRows, Rescue, showBitmap } from "./page_view.js";
import { drawStrip, showPicture } from "./strip.js";
import { element, occlusionRows, percent, probabilityRows, sliceButtons } from "./views.js";

const $ = (id) => document.getElementById(id);
const client = new Client();
let model = null;
let reading = null;
let shown = { index: 0, losses: null };
let given = null; // the files that were chosen or dropped last, to read another part of them
let rescue = null;
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
  $("page-box").hidden = true;
  say(error.expected ? error.message : `This did not work: ${error.message}`, "error");
}

async function readFiles(files, part, note) {
  await show("read", { files, part }, note, true);
}

/** Read the printed page again, as the form says. */
async function rereadPage() {
  await show("reread", { options: rescue.options }, null, false);
}

async function show(task, asked, note, isNew) {
  const mine = ++turn;
  say("Reading…");
  $("cancel").hidden = false;
  try {
    const answer = await client.ask(task, asked, (text) => {
      if (mine === turn) say(`Reading: ${text}…`);
    });
    if (mine !== turn) return;
    $("page-box").hidden = answer.kind !== "page";
    if (answer.kind === "page") showPage(answer, isNew);
    reading = answer.table ? answer : null;
    $("result").hidden = !reading;
    if (!reading) return;
    showReading(note);
    await explain();
  } catch (error) {
    if (mine === turn) fail(error);
  } finally {
    if (mine === turn) $("cancel").hidden = true;
  }
}

async function cancel() {
  turn++;
  client.restart();
  $("cancel").hidden = true;
  for (const id of ["result", "page-box"]) $(id).hidden = true;
  say("Cancelled. Loading the network…");
  try {
    await client.ask("load");
    say("Cancelled. Ready.");
  } catch (error) {
    if (!error.expected) fail(error);
  }
}

/** What was read from a printed page, or why it was refused. */
function showPage(answer, isNew) {
  const { refused, noVerdict, report, overlay, file, seconds, readings } = answer;
  if (isNew) rescue.begin(answer);
  rescue.offerReadings(readings ?? 1);
  for (const id of ["overlay-box", "page-facts-box"]) $(id).hidden = Boolean(refused);
  $("rescue").open = Boolean(refused) || !isNew;
  if (refused) {
    $("page-said").textContent =
      `${refused}. You can correct the reading by hand, or take the picture again: from straight ` +
      "above, the whole page, in even light, without a fold.";
    say(refused, "error");
    $("page-title").focus();
    return;
  }
  $("page-said").textContent =
    `${file}, read in ${seconds.toFixed(1)}\u00a0s.` + (noVerdict ? ` No verdict: ${noVerdict}.` : "");
  showBitmap($("overlay"), overlay);
  $("page-facts").replaceChildren(...factRows(report));
  if (noVerdict) {
    say(`Read, but without a verdict: ${noVerdict}`, "done");
    $("page-title").focus();
  }
}

/** Save what was read as a file; it is made here and goes nowhere else. */
async function save(what) {
  const { name, parts } = await client.ask("save", { what, keepPage: $("keep-page").checked });
  const address = URL.createObjectURL(new Blob(parts));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
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
    : `${kind === "page" ? "Printed page" : "Image"} ${name}`;
  const slices = kind !== "image"
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
  $("slices-box").hidden = kind === "image";
  $("strip-box").hidden = kind === "image";
  $("picture-box").open = kind === "image";
  showSlice();
  say(`Done. The network says ${classes[best].name}, ${percent(mean[best])}. ` +
    "Not for clinical use.", "done");
  $("verdict").focus({ preventScroll: false });
}

function showSlice() {
  const { kind, pictures } = reading;
  const { index, losses } = shown;
  if (kind !== "image") {
    $("slices").replaceChildren(...sliceButtons(reading, model.classes, index, chooseSlice));
    const start = reading.starts[index];
    const leads = kind === "page" ? reading.slices[index]
      : reading.signal.map((lead) => lead.subarray(start, start + reading.length));
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
  window.addEventListener("paste", (event) => {
    if (model) readGiven(event.clipboardData.files).catch(fail);
  });
  for (const id of ["files", "camera"]) {
    $(id).addEventListener("change", async () => {
      const chosen = [...$(id).files];
      $(id).value = "";
      await readGiven(chosen).catch(fail);
    });
  }
  $("cancel").addEventListener("click", cancel);
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => save(button.dataset.save).catch(fail));
  }
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
  rescue = new Rescue(() => rereadPage());
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
    for (const id of ["files", "camera"]) $(id).disabled = false;
    say("Ready. Everything stays on this machine.");
  } catch (error) {
    say(`The page cannot start: ${error.message}`, "error");
  }
}

start();
