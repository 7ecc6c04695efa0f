// Asks the worker for something and waits for its answer.

export class Client {
  constructor() {
    this.waiting = new Map();
    this.next = 0;
    this.start();
  }

  start() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.broken = null;
    this.worker.onerror = (event) => {
      this.broken = new Error(event.message || "the page's worker cannot start in this browser");
      for (const { reject } of this.waiting.values()) reject(this.broken);
      this.waiting.clear();
    };
  }

  /** End what the worker is doing and begin with a new one, which has loaded nothing. */
  restart() {
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) {
      reject(Object.assign(new Error("cancelled"), { expected: true }));
    }
    this.waiting.clear();
    this.start();
  }

  receive({ id, progress, result, error, expected }) {
    const request = this.waiting.get(id);
    if (!request) return;
    if (progress !== undefined) {
      request.progress?.(progress);
      return;
    }
    this.waiting.delete(id);
    if (error !== undefined) request.reject(Object.assign(new Error(error), { expected }));
    else request.resolve(result);
  }

  /** @param {"load" | "read" | "reread" | "save" | "occlude"} task */
  ask(task, given = {}, progress = null) {
    if (this.broken) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve, reject, progress });
      this.worker.postMessage({ id, task, ...given });
    });
  }
}
