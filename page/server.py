"""A small server that shows the built page on this machine alone."""

from __future__ import annotations

import errno
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from page import PageError
from page.build import MARK

ADDRESS = "127.0.0.1"
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        # onnxruntime compiles its WebAssembly; nothing else is evaluated.
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "connect-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # These three give the page shared memory, which WebAssembly's threads need.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class _Handler(SimpleHTTPRequestHandler):
    """Files of one folder, with safe headers, for requests addressed to this machine."""

    extensions_map = {  # noqa: RUF012 - the base class declares it so
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".mjs": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".wasm": "application/wasm",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        "": "application/octet-stream",
    }
    server_version, sys_version = "ekg", ""

    def send_head(self) -> Any:
        """Refuse requests under a foreign name: a page elsewhere must not read this one."""
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:  # not a name at all
            host = None
        if host not in {ADDRESS, "localhost"}:
            self.send_error(HTTPStatus.FORBIDDEN, "This page is served to this machine alone")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        """Show no list of files."""
        self.send_error(HTTPStatus.NOT_FOUND, "Not found")

    def end_headers(self) -> None:
        """Add the safe headers to every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing about served files; errors go to standard error."""

    def log_error(self, format: str, *arguments: Any) -> None:
        """Say what went wrong."""
        print(f"{self.address_string()}: {format % arguments}", file=sys.stderr)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second server on the same port is an error, not a silent rival.
    allow_reuse_address = sys.platform != "win32"


def make_server(folder: str | Path, port: int) -> ThreadingHTTPServer:
    """Bind a server for a built page to 127.0.0.1.

    `port`: 1 to 65535, or 0 for any free one (`server_address[1]` says which).
    """
    folder = Path(folder)
    if not (folder / MARK).is_file() or not (folder / "index.html").is_file():
        raise PageError("contains no built page", path=folder, remedy="build it with `make page`")
    if not 0 <= port <= 65535:
        raise PageError(f"port {port} is not one of 0 to 65535", remedy="choose another port")
    try:
        return _Server((ADDRESS, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise PageError(
            f"port {port} is not available ({error.strerror})", remedy="choose another with --port"
        ) from None
