// The EKG for the eye: twelve leads with names, time and millivolts, in the colours of the page.

import { LEADS } from "./recording/header.js";

const SECONDS = 2.5;
const LIMIT = 3; // mV either way, as in the network's image
const NARROW = 560; // CSS pixels; below, two columns keep a lead readable
const SHAPE = 0.5; // height of a panel by its width

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function gridLines(context, left, top, width, height, seconds, millivolts) {
  context.beginPath();
  for (let t = 0; t <= SECONDS + 1e-9; t += seconds) {
    const x = left + (t / SECONDS) * width;
    context.moveTo(x, top);
    context.lineTo(x, top + height);
  }
  for (let v = -LIMIT; v <= LIMIT + 1e-9; v += millivolts) {
    const y = top + ((LIMIT - v) / (2 * LIMIT)) * height;
    context.moveTo(left, y);
    context.lineTo(left + width, y);
  }
  context.stroke();
}

/**
 * Draw one slice.
 * @param {HTMLCanvasElement} canvas
 * @param {Float64Array[]} leads millivolts
 * @param {number[] | null} losses what the probability loses without each lead: shown as a tint
 */
export function drawStrip(canvas, leads, losses) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const width = canvas.clientWidth || 800;
  const columns = width < NARROW ? 2 : 3;
  const panelWidth = width / columns;
  const panelHeight = Math.round(panelWidth * SHAPE);
  const height = panelHeight * (leads.length / columns);
  canvas.style.blockSize = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colour("--paper");
  context.fillRect(0, 0, width, height);
  const largest = losses ? Math.max(0.05, ...losses) : 1;
  leads.forEach((lead, index) => {
    const left = (index % columns) * panelWidth;
    const top = Math.floor(index / columns) * panelHeight;
    if (losses && losses[index] > 0) {
      context.globalAlpha = 0.55 * (losses[index] / largest);
      context.fillStyle = colour("--heat");
      context.fillRect(left, top, panelWidth, panelHeight);
      context.globalAlpha = 1;
    }
    context.lineWidth = 0.5;
    context.strokeStyle = colour("--grid-fine");
    if (panelWidth > 200) gridLines(context, left, top, panelWidth, panelHeight, 0.04, 0.1);
    context.lineWidth = 0.8;
    context.strokeStyle = colour("--grid");
    gridLines(context, left, top, panelWidth, panelHeight, 0.2, 0.5);
    context.save();
    context.beginPath();
    context.rect(left, top, panelWidth, panelHeight);
    context.clip();
    context.lineWidth = panelWidth > 200 ? 1.4 : 1.1;
    context.lineJoin = "round";
    context.strokeStyle = colour("--trace");
    context.beginPath();
    lead.forEach((value, i) => {
      const x = left + (i / (lead.length - 1)) * panelWidth;
      const y = top + ((LIMIT - value) / (2 * LIMIT)) * panelHeight;
      if (Number.isNaN(value)) return; // not shown on the page
      if (i && !Number.isNaN(lead[i - 1])) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
    context.stroke();
    context.restore();
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, panelWidth - 1, panelHeight - 1);
    context.font = "600 13px system-ui, sans-serif";
    const label = LEADS[index];
    context.fillStyle = colour("--paper");
    context.fillRect(left + 4, top + 4, context.measureText(label).width + 8, 18);
    context.fillStyle = colour("--trace");
    context.fillText(label, left + 8, top + 17.5);
  });
}

/** Show the network's own image, pixel for pixel. */
export function showPicture(canvas, pixels, size) {
  canvas.width = size;
  canvas.height = size;
  const image = new ImageData(size, size);
  for (let i = 0; i < pixels.length; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
