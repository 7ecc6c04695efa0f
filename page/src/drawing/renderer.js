// The image that the network was trained on, to the last bit.
//
// Paper and grid come from the Python renderer as bytes, and so do the numbers that place each
// panel. Only the traces and the panels' borders are drawn here.

import { clippedPath, simplifiedPath } from "./path.js";
import { Rasterizer } from "./rasterizer.js";
import { strokeOutlines } from "./stroke.js";

/** What is left of a grey level under black ink that covers it to alpha / 255 (Agg's rounding). */
const INKED = (() => {
  const table = new Uint8Array(256 * 256);
  for (let alpha = 0; alpha < 256; alpha++) {
    for (let grey = 0; grey < 256; grey++) {
      table[alpha * 256 + grey] = Math.trunc((grey * 255 * (256 - alpha)) / (65280 + alpha));
    }
  }
  return table;
})();

export class Renderer {
  /**
   * @param {object} page what `page.assets` writes: size, samples, seconds, trace, panels
   * @param {Uint8Array} background paper and grid, size * size grey levels
   */
  constructor(page, background) {
    if (background.length !== page.size * page.size) {
      throw new Error("the image's background has another size than its description");
    }
    this.page = page;
    this.size = page.size;
    this.background = background;
    this.rasterizer = new Rasterizer(page.size);
    this.sheet = { x1: -1, y1: -1, x2: page.size + 1, y2: page.size + 1 };
    this.times = Float64Array.from({ length: page.samples }, (_, i) =>
      i === page.samples - 1 ? page.seconds : i * (page.seconds / (page.samples - 1)));
    this.columns = page.panels.map((panel) =>
      this.times.map((t) => t * panel.scaleX + panel.shiftX));
    this.borders = page.panels.map((panel) => panel.border.map((line) => this.borderInk(line)));
  }

  /** The pixels of one border line and how far each is covered. */
  borderInk({ x1, y1, x2, y2, width }) {
    const everywhere = { x1: 0, y1: 0, x2: this.size, y2: this.size };
    const line = [{ move: true, x: x1, y: y1 }, { move: false, x: x2, y: y2 }];
    this.rasterizer.addPolygons(strokeOutlines(line, width), everywhere);
    const ink = [];
    this.rasterizer.sweep(everywhere, (place, alpha) => ink.push(place, alpha));
    return Int32Array.from(ink);
  }

  /**
   * Draw one slice.
   * @param {Float64Array[]} signal millivolts, one array of 1250 samples a lead, standard order;
   *   NaN is left blank
   * @returns {Uint8Array} grey levels, row by row
   */
  draw(signal) {
    const { page, size, background, rasterizer } = this;
    if (signal.length !== page.panels.length) throw new Error("a slice has twelve leads");
    const pixels = new Uint8Array(size * size);
    const ys = new Float64Array(page.samples);
    page.panels.forEach((panel, index) => {
      const lead = signal[index];
      if (lead.length !== page.samples) throw new Error(`a lead has ${page.samples} samples`);
      const { area } = panel;
      for (let y = area.y1; y < area.y2; y++) {
        const begin = y * size;
        pixels.set(background.subarray(begin + area.x1, begin + area.x2), begin + area.x1);
      }
      for (let i = 0; i < ys.length; i++) ys[i] = lead[i] * panel.scaleY + panel.shiftY;
      const path = simplifiedPath(
        clippedPath(this.columns[index], ys, this.sheet), page.trace.simplify);
      rasterizer.addPolygons(strokeOutlines(path, page.trace.width), area);
      rasterizer.sweep(area, (place, alpha) => {
        pixels[place] = INKED[alpha * 256 + pixels[place]];
      });
      for (const ink of this.borders[index]) {
        for (let i = 0; i < ink.length; i += 2) {
          pixels[ink[i]] = INKED[ink[i + 1] * 256 + pixels[ink[i]]];
        }
      }
    });
    return pixels;
  }
}
