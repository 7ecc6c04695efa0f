// Gives printed pages to the page in a real browser, offline, and prints what it shows as JSON.
//
// Standard input: {modules, chromium, url, photo, unnamed, pdf, wrong: [file, ...], saved: folder,
// screenshots: folder or null}.
// Standard output: {photo, saved: [name], again, unnamed, given, pdf, wrong: [...], cancelled,
// requests, said, axe: [[rule, impact, nodes]], widths: [[width, overflow]]}.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

const given = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(`${given.modules}/`);
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = { timeout: 500_000 };
const browser = await chromium.launch({ executablePath: given.chromium, args: ["--no-sandbox"] });
const context = await browser.newContext({ acceptDownloads: true });
const page = await context.newPage();
const requests = [], said = [];
page.on("request", (request) => requests.push(request.url()));
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) said.push(message.text());
});
page.on("pageerror", (error) => said.push(String(error)));
await page.goto(given.url);
await page.waitForFunction(
  () => /^Ready|cannot start/.test(document.querySelector("#status").textContent), null, PATIENCE);
const settled = () => page.waitForFunction(() => {
  const { className } = document.querySelector("#status");
  const occlusion = document.querySelector("#occlusion-status").textContent;
  return className === "error" || (className === "done" && !occlusion.startsWith("Covering"));
}, null, PATIENCE);
const forget = () => page.evaluate(() => { document.querySelector("#status").className = ""; });

const shown = () => page.evaluate(() => {
  const one = (selector) => document.querySelector(selector);
  const visible = (selector) => one(selector).offsetParent !== null;
  const colours = [[220, 0, 120], [0, 110, 220], [0, 150, 60], [210, 100, 0]]; // of the traces
  const drawn = new Set();
  if (visible("#overlay")) {
    const { width, height } = one("#overlay");
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(one("#overlay"), 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    for (let i = 0; i < data.length; i += 4) {
      colours.forEach((colour, k) => {
        if (colour.every((level, c) => Math.abs(level - data[i + c]) < 50)) drawn.add(k);
      });
    }
  }
  return {
    status: one("#status").textContent,
    error: one("#status").className === "error",
    page: visible("#page-box") ? one("#page-said").textContent : null,
    facts: Object.fromEntries([...document.querySelectorAll("#page-facts tr")].map((row) =>
      [row.cells[0].textContent, row.cells[1].textContent])),
    drawn: drawn.size,
    rescue: visible("#rescue") && one("#rescue").open,
    diagnosis: visible("#verdict") ? one("#verdict").dataset.diagnosis : null,
    probabilities: Object.fromEntries([...document.querySelectorAll("#probabilities tr")]
      .map((row) => [row.dataset.class, Number(row.dataset.probability)])),
    warnings: [...document.querySelectorAll("#warnings li")].map((item) => item.textContent),
  };
});

async function give(selector, files) {
  await forget();
  await page.setInputFiles(selector, files);
  await settled();
  return shown();
}

async function screenshot(name, width) {
  await page.setViewportSize({ width, height: 900 });
  const overflow = await page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (given.screenshots) {
    await page.screenshot({ path: join(given.screenshots, `${name}-${width}.png`), fullPage: true });
  }
  return [width, overflow];
}

await context.setOffline(true);
const answers = { wrong: [], saved: [], widths: [], axe: [] };
async function check() {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  answers.axe.push(...violations.map(({ id, impact, nodes }) => [id, impact, nodes.map((n) => n.html)]));
}

answers.photo = await give("#camera", given.photo);
for (const what of ["hea", "dat", "report.json", "overlay.png", "options.json"]) {
  const waiting = page.waitForEvent("download", PATIENCE);
  await page.click(`[data-save="${what}"]`);
  const download = await waiting;
  await download.saveAs(join(given.saved, download.suggestedFilename()));
  answers.saved.push(download.suggestedFilename());
}
await check();
answers.widths.push(await screenshot("photograph", 1200), await screenshot("photograph", 320));

for (const file of given.wrong) answers.wrong.push(await give("#files", file));
answers.unnamed = await give("#files", given.unnamed);
await page.check("#cornered");
await check();
answers.widths.push(await screenshot("refused", 1200), await screenshot("refused", 320));
await page.uncheck("#cornered");
await forget();
await page.selectOption("#layout", "3x4+1");
await settled();
answers.given = await shown();

await context.setOffline(false); // pdf.js is fetched with the first PDF
if (given.pdf) answers.pdf = await give("#files", given.pdf);

// A picture that is pasted, and a reading that is cancelled.
await forget();
await page.evaluate(({ name, base64 }) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
}, { name: basename(given.photo), base64: readFileSync(given.photo).toString("base64") });
await page.waitForFunction(() => /Reading: finding/.test(document.querySelector("#status").textContent),
  null, PATIENCE);
await page.click("#cancel");
await page.waitForFunction(() => /Cancelled. Ready/.test(document.querySelector("#status").textContent),
  null, PATIENCE);
answers.cancelled = await shown();
await browser.close();
process.stdout.write(JSON.stringify({ ...answers, requests, said }));
