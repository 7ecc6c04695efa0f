"""Show the built page on this machine (127.0.0.1)."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build/page"),
        help="the built page (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="port; 0 for any free one (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from page.server import ADDRESS, make_server

    with make_server(arguments.folder, arguments.port) as server:
        port = server.server_address[1]
        print(f"http://{ADDRESS}:{port}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
    return 0
