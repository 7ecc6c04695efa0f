// The two small networks that read pages, in onnxruntime-web (`ekg/strips/session.py`).

let runtime = null;
const sessions = {};

/**
 * Say where the networks are.
 * @param {object} ort onnxruntime-web
 * @param {(name: "segment" | "names") => Promise<Uint8Array>} bytesOf
 */
export function useNetworks(ort, bytesOf) {
  runtime = { ort, bytesOf };
}

/** What a network says of float32 values of a shape. */
export async function answerOf(name, input, shape) {
  const { ort, bytesOf } = runtime;
  sessions[name] ??= bytesOf(name).then((bytes) =>
    ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }));
  const session = await sessions[name];
  const output = await session.run(
    { [session.inputNames[0]]: new ort.Tensor("float32", input, shape) });
  return output[session.outputNames[0]].data;
}
