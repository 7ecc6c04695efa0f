// Lines and words of a PDF page, in millimetres of the page as it is shown
// (`ekg/strips/pdf_paths.py`; pdf.js reads the file).

import constants from "./constants.js";
import { StripError } from "./errors.js";
import { Picture } from "./numeric/pillow.js";

export const POINT = constants.pdf_paths.POINT;
const { _MOST_SEGMENTS: MOST_SEGMENTS, _MOST_OBJECTS: MOST_OBJECTS } = constants.pdf_paths;
const { LARGEST_PDF, LARGEST_RENDER } = constants.intake;

let library = null;

/** Say how pdf.js is loaded: `{pdfjs, worker}`; it is large, and only PDFs need it. */
export function usePdf(load) {
  library = load;
}

/**
 * Open a PDF.
 * @returns {Promise<{pages: object[], close: () => Promise<void>}>}
 */
export async function openPdf(bytes, name) {
  const { pdfjs, worker } = await library();
  const task = pdfjs.getDocument({
    data: bytes.slice(), worker, isEvalSupported: false, disableFontFace: true, useSystemFonts: false,
    useWorkerFetch: false, enableXfa: false, stopAtErrors: false, verbosity: 0,
    ...(typeof OffscreenCanvas === "undefined" ? {} : { CanvasFactory: Canvases, FilterFactory: NoFilters }),
  });
  const close = () => task.destroy();
  try {
    const opened = await task.promise;
    if (opened.numPages > LARGEST_PDF) {
      throw new StripError(`the PDF has ${opened.numPages} pages, expected at most ${LARGEST_PDF}`,
        "save the pages with the EKG alone", name);
    }
    const pages = [];
    for (let number = 1; number <= opened.numPages; number++) {
      const page = await opened.getPage(number);
      const { width, height } = page.getViewport({ scale: 1 });
      if (!(Math.min(width, height) >= 20 && Math.max(width, height) <= 14400)) {
        throw new StripError(
          `page ${number} measures ${width.toFixed(0)} by ${height.toFixed(0)} points, expected an EKG`,
          null, name);
      }
      pages.push(page);
    }
    return { pages, ops: pdfjs.OPS, close };
  } catch (error) {
    await close();
    if (error instanceof StripError) throw error;
    if (error?.name === "PasswordException") {
      throw new StripError("the PDF is locked with a password", "save an unlocked copy", name);
    }
    throw new StripError("the PDF is damaged", "save it again", name);
  }
}

class Canvases {
  create(width, height) {
    const canvas = new OffscreenCanvas(width, height);
    return { canvas, context: canvas.getContext("2d", { willReadFrequently: true }) };
  }

  reset({ canvas }, width, height) {
    canvas.width = width;
    canvas.height = height;
  }

  destroy(made) {
    made.canvas = null;
    made.context = null;
  }
}

/** Filters would need a document; scans have none. */
class NoFilters {
  addFilter() { return "none"; }
  addHCMFilter() { return "none"; }
  addAlphaFilter() { return "none"; }
  addLuminosityFilter() { return "none"; }
  addKnockoutFilter() { return "none"; }
  addHighlightHCMFilter() { return "none"; }
  destroy() {}
}

/** Draw a PDF page, forms and annotations left out. */
export async function render(page, dpi) {
  const { width, height } = page.getViewport({ scale: 1 });
  const scale = Math.min(dpi / 72, Math.sqrt(LARGEST_RENDER / Math.max(width * height, 1)));
  const viewport = page.getViewport({ scale });
  const canvas = new OffscreenCanvas(Math.ceil(viewport.width), Math.ceil(viewport.height));
  const canvasContext = canvas.getContext("2d", { willReadFrequently: true });
  await page.render({ canvas: null, canvasContext, viewport, background: "white", annotationMode: 0 }).promise;
  const { data } = canvasContext.getImageData(0, 0, canvas.width, canvas.height);
  const picture = new Picture(canvas.width, canvas.height);
  for (let i = 0, at = 0; i < data.length; i += 4, at += 3) {
    picture.data[at] = data[i];
    picture.data[at + 1] = data[i + 1];
    picture.data[at + 2] = data[i + 2];
  }
  return picture;
}

/** The matrix that applies `first`, then `second`. */
const product = ([a, b, c, d, e, f], [p, q, r, s, t, u]) => [
  a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u];

const applied = ([a, b, c, d, e, f], [x, y]) => [a * x + c * y + e, b * x + d * y + f];

/**
 * The lines and words of a page, forms within forms included.
 * @returns {Promise<{lines: {points: number[][], style: string}[], words: object[], width, height}>}
 *   points: millimetres to the right and downward from the page's upper left corner
 */
export async function readContent(page, ops) {
  const viewport = page.getViewport({ scale: POINT });
  const list = await page.getOperatorList({ annotationMode: 0 });
  return {
    lines: joined(strokesOf(list, viewport.transform, ops)),
    words: await wordsOf(page, viewport.transform),
    width: viewport.width,
    height: viewport.height,
  };
}

/** The stroked polylines in the order of drawing, each with colour and width. */
function strokesOf({ fnArray, argsArray }, place, ops) {
  const stroking = new Set([
    ops.stroke, ops.closeStroke, ops.fillStroke, ops.eoFillStroke, ops.closeFillStroke,
    ops.closeEOFillStroke]);
  if (fnArray.length > MOST_OBJECTS) {
    throw new StripError("the PDF page has too many lines", "give an image of the page");
  }
  let state = { matrix: place, colour: "#000000", width: 1 };
  const stack = [];
  const pieces = [];
  let total = 0;
  const back = () => { state = stack.pop() ?? state; };
  fnArray.forEach((fn, i) => {
    const args = argsArray[i];
    if (fn === ops.save) stack.push({ ...state });
    else if (fn === ops.restore) back();
    else if (fn === ops.transform) state.matrix = product(args, state.matrix);
    else if (fn === ops.paintFormXObjectBegin) {
      stack.push({ ...state });
      if (args[0]) state.matrix = product(args[0], state.matrix);
    } else if (fn === ops.paintFormXObjectEnd) back();
    else if (fn === ops.setStrokeRGBColor) [state.colour] = args;
    else if (fn === ops.setLineWidth) [state.width] = args;
    else if (fn === ops.setGState) {
      for (const [key, value] of args[0]) if (key === "LW") state.width = value;
    } else if (fn === ops.constructPath && stroking.has(args[0]) && args[1]?.[0]) {
      total += args[1][0].length / 3;
      if (total > MOST_SEGMENTS) {
        throw new StripError("the PDF page has too many lines", "give an image of the page");
      }
      const [a, b, c, d] = state.matrix;
      const scale = Math.sqrt(Math.abs(a * d - b * c));
      const style = `${state.colour} ${(state.width * scale).toFixed(3)}`;
      for (const points of subpaths(args[1][0], state.matrix)) pieces.push({ points, style });
    }
  });
  return pieces;
}

const [MOVE, LINE, CURVE, QUADRATIC] = [0, 1, 2, 3];

/** The polylines of a path, in millimetres. */
function subpaths(data, matrix) {
  const parts = [];
  const last = () => parts[parts.length - 1];
  for (let i = 0; i < data.length;) {
    const kind = data[i++];
    if (kind === MOVE || (kind === LINE && !parts.length)) {
      parts.push([[data[i], data[i + 1]]]);
      i += 2;
    } else if (kind === LINE) {
      last().push([data[i], data[i + 1]]);
      i += 2;
    } else if (kind === CURVE || kind === QUADRATIC) {
      const count = kind === CURVE ? 3 : 2;
      const bend = Array.from({ length: count }, (_, k) => [data[i + 2 * k], data[i + 2 * k + 1]]);
      i += 2 * count;
      if (!parts.length) parts.push([bend[0]]);
      last().push(...curve([last()[last().length - 1], ...bend]));
    } else if (parts.length && last().length > 2) {
      last().push(last()[0]);
    }
  }
  return parts.filter((part) => part.length > 1)
    .map((part) => part.map((point) => applied(matrix, point)));
}

/** Eight points of a Bezier curve, the first left out. */
function curve(p) {
  const points = [];
  for (let k = 1; k <= 8; k++) {
    let row = p;
    const t = k / 8;
    while (row.length > 1) {
      row = row.slice(1).map((point, i) => [0, 1].map((axis) =>
        (1 - t) * row[i][axis] + t * point[axis]));
    }
    points.push(row[0]);
  }
  return points;
}

/** Pieces of text and their middles. They may be names: they are never kept. */
async function wordsOf(page, place) {
  const { items } = await page.getTextContent({ disableNormalization: false });
  return items.filter((item) => item.str?.trim()).map((item) => {
    const [a, b, c, d] = item.transform;
    const along = Math.hypot(a, b) || 1, up = Math.hypot(c, d) || 1;
    const middle = [
      item.transform[4] + (a / along) * (item.width / 2) + (c / up) * 0.35 * item.height,
      item.transform[5] + (b / along) * (item.width / 2) + (d / up) * 0.35 * item.height];
    const [x, y] = applied(place, middle);
    return { text: item.str.trim(), x, y };
  });
}

/** Join pieces that follow each other end to start in the order of drawing. */
function joined(pieces) {
  const lines = [];
  for (const { points, style } of pieces) {
    const line = lines[lines.length - 1];
    const end = line?.points[line.points.length - 1];
    if (line && line.style === style &&
        Math.max(Math.abs(end[0] - points[0][0]), Math.abs(end[1] - points[0][1])) < 0.02) {
      for (let i = 1; i < points.length; i++) line.points.push(points[i]);
    } else {
      lines.push({ points: points.slice(), style });
    }
  }
  return lines;
}
