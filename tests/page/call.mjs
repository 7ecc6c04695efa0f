// Calls functions of the page's modules with given arrays and prints what they return as JSON.
//
// Standard input: {page: folder with src and assets, calls: [{module, name, args}]}; an argument
// {"plane": rows of numbers, "kind"?: "Uint8Array"} is a Plane, {"line": numbers} a Float64Array.
// Standard output: what each call returned; Planes as {plane}, typed arrays as {line}.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const given = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(pathToFileURL(join(given.page, "src", name)).href);
const { Plane } = await load("strips/numeric/arrays.js");

function taken(value) {
  if (Array.isArray(value)) return value.map(taken);
  if (value?.plane) {
    const kind = globalThis[value.kind ?? "Float32Array"];
    return new Plane(value.plane.length, value.plane[0].length, kind.from(value.plane.flat()));
  }
  if (value?.line) return Float64Array.from(value.line, (one) => one ?? NaN);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, taken(one)]));
  }
  return value;
}

function told(value) {
  if (value instanceof Plane) {
    const { rows, columns, data } = value;
    return { plane: Array.from({ length: rows }, (_, y) => [...data.subarray(y * columns, (y + 1) * columns)]) };
  }
  if (ArrayBuffer.isView(value)) return { line: [...value] };
  if (Array.isArray(value)) return value.map(told);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, told(one)]));
  }
  return value;
}

const answers = [];
for (const { module, name, args } of given.calls) {
  const found = (await load(module))[name];
  answers.push(told(typeof found === "function" ? await found(...args.map(taken)) : found));
}
process.stdout.write(JSON.stringify(answers));
