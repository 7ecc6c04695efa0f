// What a reading looks like: small functions from numbers to elements.

import { LEADS } from "./recording/header.js";

/** An element with attributes and children; text is text, never markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const SMALL_LOSS = 0.1; // bars are full from here on: a small change shall look small

export const percent = (p) => `${(100 * p).toFixed(1)}\u00a0%`;

function bar(share, kind = "") {
  const fill = element("span", { class: `fill ${kind}` });
  fill.style.inlineSize = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

/** The seven probabilities, largest first. */
export function probabilityRows(classes, mean, table) {
  const order = classes.map((_, c) => c).sort((a, b) => mean[b] - mean[a]);
  return order.map((c, rank) => {
    const spread = table.length > 1
      ? Math.sqrt(table.reduce((sum, row) => sum + (row[c] - mean[c]) ** 2, 0) /
          (table.length - 1))
      : null;
    return element("tr", {
      class: rank === 0 ? "best" : "", "data-class": classes[c].name, "data-probability": mean[c],
    },
      element("th", { scope: "row" },
        element("abbr", { title: classes[c].meaning }, classes[c].name),
        element("span", { class: "meaning" }, classes[c].meaning)),
      element("td", { class: "bars" }, bar(mean[c])),
      element("td", { class: "number" }, percent(mean[c])),
      element("td", { class: "number" }, spread === null ? "" : `±\u00a0${percent(spread)}`));
  });
}

/** One button a slice, with its own verdict. */
export function sliceButtons(reading, classes, chosen, choose) {
  return reading.table.map((row, index) => {
    const best = row.indexOf(Math.max(...row));
    const begin = reading.starts[index] / reading.rate;
    return element("li", {},
      element("button", {
        type: "button", class: "slice", "aria-pressed": String(index === chosen),
        "data-start": reading.starts[index], "data-verdict": classes[best].name,
        "data-probabilities": JSON.stringify(row), onclick: () => choose(index),
      },
      element("span", { class: "place" },
        `${begin.toFixed(2)}–${(begin + reading.length / reading.rate).toFixed(2)}\u00a0s`),
      element("strong", {}, classes[best].name),
      element("span", {}, percent(row[best]))));
  });
}

/** What the probability loses without each lead. */
export function occlusionRows(losses) {
  const largest = Math.max(SMALL_LOSS, ...losses.map(Math.abs));
  return LEADS.map((lead, index) => {
    const loss = losses[index];
    const points = 100 * loss;
    const sign = points > 0 ? "−" : "+";
    return element("tr", { "data-lead": lead, "data-loss": loss },
      element("th", { scope: "row" }, lead),
      element("td", { class: "bars" }, bar(Math.abs(loss) / largest, loss < 0 ? "gain" : "")),
      element("td", { class: "number" },
        Math.abs(points) < 0.05 ? "0.0" : `${sign}${Math.abs(points).toFixed(1)}`));
  });
}
