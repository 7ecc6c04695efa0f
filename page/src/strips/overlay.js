// The page with the traces that were found drawn over it, other text painted over
// (`ekg/strips/overlay.py`).

import constants from "./constants.js";
import { rint } from "./numeric/arrays.js";

const { _COLOURS: COLOURS, _MARGIN: MARGIN, _PAINT: PAINT } = constants.overlay;
const css = (colour) => `rgb(${colour.join(" ")})`;

/**
 * @param {Picture} picture
 * @param {object} page what was found; its lines are in the picture's pixels
 * @param {number} pixelsPerMm of the picture, about
 * @param {boolean} keepPage show the whole page; else everything but a band around the traces is
 *   painted over: names and numbers of persons are printed there
 * @returns {OffscreenCanvas}
 */
function drawOverlay(picture, page, pixelsPerMm, keepPage) {
  const canvas = canvasOf(picture);
  const context = canvas.getContext("2d");
  if (!keepPage) paintOver(context, page, Math.max(1, rint(2 * MARGIN * pixelsPerMm)));
  context.lineWidth = Math.max(1, rint(0.25 * pixelsPerMm));
  context.font = `${Math.max(10, rint(3.5 * pixelsPerMm))}px sans-serif`;
  context.textBaseline = "top";
  page.traces.forEach(({ lead, line }, number) => {
    const colour = css(COLOURS[number % COLOURS.length]);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    stroke(context, line);
    const first = line.findIndex(Number.isFinite);
    if (first >= 0) context.fillText(lead, line[first] + pixelsPerMm, line[first + 1] - 8 * pixelsPerMm);
  });
  return canvas;
}

/** The overlays of a reading's pages below each other. */
export function drawOverlays(sheets, keepPage) {
  const canvases = sheets.map(({ picture, page, pixelsPerMm }) =>
    drawOverlay(picture, page, pixelsPerMm, keepPage));
  if (canvases.length === 1) return canvases[0];
  const whole = new OffscreenCanvas(Math.max(...canvases.map((one) => one.width)),
    canvases.reduce((sum, one) => sum + one.height, 0));
  const context = whole.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, whole.width, whole.height);
  let top = 0;
  for (const canvas of canvases) {
    context.drawImage(canvas, 0, top);
    top += canvas.height;
  }
  return whole;
}

/** A canvas with a picture on it. */
export function canvasOf({ width, height, data }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const strip = Math.max(1, Math.min(height, Math.floor(2_000_000 / width)));
  for (let top = 0; top < height; top += strip) {
    const image = new ImageData(width, Math.min(strip, height - top));
    for (let i = 0, at = 3 * top * width; i < image.data.length; i += 4, at += 3) {
      image.data[i] = data[at];
      image.data[i + 1] = data[at + 1];
      image.data[i + 2] = data[at + 2];
      image.data[i + 3] = 255;
    }
    context.putImageData(image, 0, top);
  }
  return canvas;
}

function paintOver(context, page, width) {
  const { canvas } = context;
  const mask = new OffscreenCanvas(canvas.width, canvas.height);
  const pen = mask.getContext("2d");
  pen.fillStyle = css(PAINT);
  pen.fillRect(0, 0, mask.width, mask.height);
  pen.globalCompositeOperation = "destination-out";
  pen.lineWidth = width;
  pen.lineJoin = pen.lineCap = "round"; // what is at most the margin from a trace, and no more
  for (const { line } of page.traces) stroke(pen, line);
  context.drawImage(mask, 0, 0);
}

/** Stroke a line, not across its gaps. */
function stroke(context, line) {
  context.beginPath();
  let drawing = false;
  for (let i = 0; i < line.length; i += 2) {
    const known = Number.isFinite(line[i]);
    if (known && drawing) context.lineTo(line[i], line[i + 1]);
    else if (known) context.moveTo(line[i], line[i + 1]);
    drawing = known;
  }
  context.stroke();
}
