// What cannot be read, in words for the person who gave it: the sentences of `python -m ekg predict`.

export class InputError extends Error {
  /**
   * @param {string} problem what is wrong, naming the field
   * @param {{file?: string, remedy?: string}} more the file concerned, and what to do
   */
  constructor(problem, { file, remedy } = {}) {
    super(`${file ? `${file}: ` : ""}${problem}${remedy ? `; ${remedy}` : ""}`);
    this.problem = problem;
  }
}

/** Text as Python's `repr` shows it, so that both sides quote what a file says alike. */
export function quoted(text, most = Infinity) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const shown = text.replace(/[\\\n\r\t]/g, (c) => ({ "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" })[c])
    .replaceAll(quote, `\\${quote}`);
  return `${quote}${shown}${quote}`.slice(0, most);
}

/** A number as Python's `:g` or, with commas, `:,` shows it. */
export const general = (value) => String(Number(value.toPrecision(6)));
export const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
