// What was read from a printed page, and its correction by hand.

import constants from "./strips/constants.js";
import { element } from "./views.js";

const $ = (id) => document.getElementById(id);
const CORNERS = ["Upper left", "Upper right", "Lower right", "Lower left"];
const STEP = 0.002; // of a side that an arrow key moves a corner by; ten times with Shift
const SPEEDS = [12.5, 25, 50, 100];
const GAINS = [2.5, 5, 10, 20];

const SOURCES = {
  assumed: "assumed", pulse: "from the calibration pulse", given: "as you say",
  "page text": "as the page says", picture: "names read from the page", layout: "by the usual order",
};

/** Rows of a table: what was found, and what says so. */
export function factRows(report) {
  const [page] = report.pages;
  const refused = report.pages.flatMap((one) => Object.entries(one.refused_leads));
  const rows = [
    ["Layout", `${page.layout}, ${SOURCES[page.names_from]}`],
    ["Speed", `${page.speed_mm_per_s}\u00a0mm/s, ${SOURCES[page.speed_from]}`],
    ["Gain", `${page.gain_mm_per_mv}\u00a0mm/mV, ${SOURCES[page.gain_from]}`],
    ["Leads", Object.entries(report.leads).map(([lead, { from, to, confidence }]) =>
      `${lead} ${from.toFixed(1)}–${to.toFixed(1)}\u00a0s` +
      (confidence === undefined ? "" : ` (${Math.round(100 * confidence)}\u00a0%)`)).join(", ")],
    ...refused.map(([lead, why]) => [`Without ${lead}`, `it ${why}`]),
  ];
  return rows.map(([name, text]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, text)));
}

/** Show a bitmap on a canvas. */
export function showBitmap(canvas, bitmap) {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

/** The form that corrects a reading. */
export class Rescue {
  /** @param {() => void} changed called a moment after the last change */
  constructor(changed) {
    this.places = null; // of the corners, as shares of the picture's sides
    this.size = [1, 1];
    let timer = 0;
    this.changed = () => {
      clearTimeout(timer);
      timer = setTimeout(changed, 400);
    };
    const offer = (id, values, unit) => $(id).append(...values.map((value) =>
      element("option", { value }, `${value}${unit}`)));
    offer("layout", constants.layouts.map((layout) => layout.name), "");
    offer("speed", SPEEDS, "\u00a0mm/s");
    offer("gain", GAINS, "\u00a0mm/mV");
    for (const id of ["layout", "speed", "gain", "number"]) $(id).addEventListener("change", this.changed);
    $("cornered").addEventListener("change", () => {
      $("corners-box").hidden = !$("cornered").checked;
      this.changed();
    });
    this.handles = CORNERS.map(() => element("button", { type: "button", class: "corner" }));
    $("corners-box").append(...this.handles);
    this.handles.forEach((handle, k) => this.watch(handle, k));
  }

  /** Begin with another picture, nothing said about it. */
  begin({ preview, width, height, canCut }) {
    $("number").replaceChildren();
    $("number-label").hidden = true;
    $("cornered-label").hidden = !canCut;
    this.size = [width, height];
    this.places = [[0.05, 0.05], [0.95, 0.05], [0.95, 0.95], [0.05, 0.95]];
    for (const id of ["layout", "speed", "gain"]) $(id).value = "";
    $("cornered").checked = false;
    $("corners-box").hidden = true;
    if (canCut) showBitmap($("preview"), preview);
    this.place();
  }

  /** Offer the EKGs of a file that holds several. */
  offerReadings(count) {
    $("number-label").hidden = !(count > 1);
    if ($("number").options.length === count) return;
    $("number").replaceChildren(...Array.from({ length: count }, (_, k) =>
      element("option", { value: k + 1 }, `${k + 1} of ${count}`)));
  }

  /** What is said, as `python -m ekg read --options` takes it. */
  get options() {
    const said = {};
    if ($("layout").value) said.layout = $("layout").value;
    if ($("speed").value) said.speed = Number($("speed").value);
    if ($("gain").value) said.gain = Number($("gain").value);
    if (Number($("number").value) > 1) said.number = Number($("number").value);
    if ($("cornered").checked) {
      said.corners = this.places.map((point) => point.map((share, axis) =>
        Math.round(share * this.size[axis] * 10) / 10));
    }
    return said;
  }

  watch(handle, k) {
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = $("preview").getBoundingClientRect();
      this.move(k, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
    handle.addEventListener("pointerup", this.changed);
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const step = STEP * (event.shiftKey ? 10 : 1);
      this.move(k, this.places[k][0] + way[0] * step, this.places[k][1] + way[1] * step);
      this.changed();
    });
  }

  move(k, x, y) {
    this.places[k] = [x, y].map((share) => Math.min(1, Math.max(0, share)));
    this.place();
  }

  place() {
    this.handles.forEach((handle, k) => {
      const [x, y] = this.places[k];
      handle.style.insetInlineStart = `${100 * x}%`;
      handle.style.insetBlockStart = `${100 * y}%`;
      handle.setAttribute("aria-label",
        `${CORNERS[k]} corner: ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`);
    });
    $("between").setAttribute("points", this.places.map((point) => point.join(",")).join(" "));
  }
}
