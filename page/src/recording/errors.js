// What cannot be read, in words for the person who gave it: those of `python -m ekg predict`.

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

const ESCAPED = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text as Python's `repr` shows it, so that both sides quote what a file says alike. */
export function quoted(text, most = Infinity) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const shown = text.replace(/[\\\n\r\t]/g, (c) => ESCAPED[c])
    .replaceAll(quote, `\\${quote}`);
  return `${quote}${shown}${quote}`.slice(0, most);
}

/** A number as Python's format `:g` shows it, with this many digits. */
export function general(value, digits = 6) {
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power >= -4 && power < digits) return String(Number(value.toPrecision(digits)));
  const size = String(Math.abs(power)).padStart(2, "0");
  return `${String(Number(mantissa))}e${power < 0 ? "-" : "+"}${size}`;
}

/** A whole number with commas, as Python's format `:,` shows it. */
export const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
