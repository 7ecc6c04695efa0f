// Drives the page in a real browser, offline, and prints what it shows as JSON.
//
// Standard input: {modules, chromium, url, inputs: [[file, ...], ...], cases: {name: {files, from,
// to}}, examples: [name, ...],
// screenshots: [{path, width, height, scheme, input or example}], opened: the page's file or null}.
// Standard output: {readings, cases, examples, layouts, requests, said, isolated, opened}.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf8"));
const { chromium } = createRequire(`${given.modules}/`)("playwright-core");
const browser = await chromium.launch({ executablePath: given.chromium, args: ["--no-sandbox"] });
const requests = [];
const said = [];

async function open(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.push(message.text());
  });
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(given.url);
  await page.waitForFunction(
    () => /^Ready|cannot start/.test(document.querySelector("#status").textContent),
    null, { timeout: 120_000 });
  return { context, page };
}

async function settled(page) {
  await page.waitForFunction(() => {
    const status = document.querySelector("#status");
    const occlusion = document.querySelector("#occlusion-status").textContent;
    return status.className === "error" ||
      (status.className === "done" && !occlusion.startsWith("Covering"));
  }, null, { timeout: 120_000 });
}

const shown = (page) => page.evaluate(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const status = document.querySelector("#status");
  if (status.className === "error") {
    return { error: status.textContent, hidden: document.querySelector("#result").hidden };
  }
  return {
    diagnosis: document.querySelector("#verdict").dataset.diagnosis,
    status: status.textContent,
    source: document.querySelector("#source").textContent,
    timing: document.querySelector("#timing").textContent,
    warnings: all("#warnings li").map((item) => item.textContent),
    probabilities: Object.fromEntries(all("#probabilities tr")
      .map((row) => [row.dataset.class, Number(row.dataset.probability)])),
    slices: all("#slices button").map((button) => ({
      start: Number(button.dataset.start),
      verdict: button.dataset.verdict,
      probabilities: JSON.parse(button.dataset.probabilities),
    })),
    losses: Object.fromEntries(all("#occlusion tr")
      .map((row) => [row.dataset.lead, Number(row.dataset.loss)])),
    focus: document.activeElement.id,
  };
});

async function give(page, files) {
  await page.evaluate(() => { document.querySelector("#status").className = ""; });
  await page.setInputFiles("#files", files);
  await settled(page);
}

/** Let files go over the page, as a person's mouse does. */
async function drop(page, files) {
  const contents = files.map((path) => ({
    name: path.split("/").pop(), base64: readFileSync(path).toString("base64"),
  }));
  await page.evaluate((items) => {
    document.querySelector("#status").className = "";
    const transfer = new DataTransfer();
    for (const { name, base64 } of items) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    document.querySelector("#drop").dispatchEvent(
      new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, contents);
  await settled(page);
}

const { context, page } = await open();
const readings = [];
if (given.offline) await context.setOffline(true);
for (const files of given.dropped ?? []) {
  await drop(page, files);
  readings.push(await shown(page));
}
for (const files of given.inputs ?? []) {
  await give(page, files);
  readings.push(await shown(page));
}
const cases = {};
for (const [name, { files, from, to }] of Object.entries(given.cases ?? {})) {
  await page.fill("#from", String(from ?? ""));
  await page.fill("#to", String(to ?? ""));
  await give(page, files);
  cases[name] = await shown(page);
}
const isolated = await page.evaluate(() => self.crossOriginIsolated);
if (given.offline) await context.setOffline(false);

const examples = {};
for (const name of given.examples ?? []) {
  await page.evaluate(() => { document.querySelector("#status").className = ""; });
  // By keyboard: focus and Enter, as without a mouse.
  await page.focus(`[data-example="${name}"]`);
  await page.keyboard.press("Enter");
  await settled(page);
  examples[name] = await shown(page);
}
await context.close();

const layouts = [];
for (const { path, width, height, scheme, input, example } of given.screenshots ?? []) {
  const opened = await open({ viewport: { width, height }, colorScheme: scheme });
  if (input) await give(opened.page, input);
  if (example) {
    await opened.page.click(`[data-example="${example}"]`);
    await settled(opened.page);
  }
  layouts.push(await opened.page.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    beyond: [...document.querySelectorAll("section")].flatMap((section) => {
      if (!section.offsetParent) return []; // not shown
      const edge = section.getBoundingClientRect().right;
      return [...section.querySelectorAll("*")]
        .filter((part) => part.getBoundingClientRect().right > edge - 4)
        .map((part) => `${part.tagName} ${part.id} ${part.textContent.slice(0, 30)}`);
    }),
    smallTargets: [...document.querySelectorAll("button, .button-like, summary")]
      .filter((target) => target.getBoundingClientRect().height < 44 && target.offsetParent)
      .map((target) => target.textContent.trim()),
  })));
  if (path) await opened.page.screenshot({ path, fullPage: true });
  await opened.context.close();
}

let opened = null;
if (given.opened) { // as by a double click
  const page = await browser.newPage();
  await page.goto(given.opened);
  opened = await page.textContent("#status");
}
await browser.close();
process.stdout.write(
  JSON.stringify({ readings, cases, examples, layouts, requests, said, isolated, opened }));
