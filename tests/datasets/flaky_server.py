"""A web server on this machine that misbehaves on demand."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FlakyServer:
    """Serves bytes from memory; a path may be told to fail in a certain way, so many times."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[tuple]] = {}
        self.requests: list[tuple[str, float]] = []
        self.headers: list[dict[str, str]] = []
        self.delay = 0.0
        self.busy = self.busiest = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that hangs up is part of the play

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, path: str, *faults: tuple) -> None:
        """Let the next requests for a path meet these faults, one each."""
        self.faults.setdefault(path, []).extend(faults)

    def asked(self) -> Counter:
        return Counter(path for path, _ in self.requests)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        with self.lock:
            self.requests.append((path, time.monotonic()))
            self.headers.append(dict(handler.headers))
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            fault = self.faults[path].pop(0) if self.faults.get(path) else ("none",)
        try:
            time.sleep(self.delay)
            self._answer(handler, path, fault)
        finally:
            with self.lock:
                self.busy -= 1

    def _answer(self, handler, path, fault):
        kind, *details = fault
        if kind == "status":
            status, headers = details[0], details[1] if len(details) > 1 else {}
            return self._send(handler, status, b"no", headers)
        if kind == "redirect":
            return self._send(handler, 302, b"", {"Location": details[0]})
        if kind == "hang up":
            handler.close_connection = True
            return handler.connection.close()
        body = self.files.get(path)
        if body is None:
            return self._send(handler, 404, b"file not found", {})
        if kind == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        headers, rest = {}, body
        length = len(rest)
        if kind == "cut":  # announces everything, sends a part, closes
            rest = rest[: details[0]]
        elif kind == "lie":  # announces another length than there is
            length += details[0]
        elif kind == "gzip":
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(length)
        if kind == "no length":
            del headers["Content-Length"]
        if kind == "stall":
            rest, after = rest[: details[0]], details[1]
        if kind == "drip":  # a byte now and then
            rest, drops = b"", rest[: details[0]]
        self._send(handler, 200, rest, headers, close=kind != "none")
        if kind == "drip":
            for byte in drops:
                time.sleep(details[1])
                handler.wfile.write(bytes([byte]))
        if kind == "stall":
            time.sleep(after)

    def _send(self, handler, status, body, headers, close=False):
        handler.send_response(status)
        if "Content-Length" not in headers and not (close and status == 200):
            headers = {**headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            handler.send_header(name, value)
        if close:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
