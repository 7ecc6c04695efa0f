"""The verbs `page`, `serve`: their arguments, and what they print."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model",
        type=Path,
        help="run folder, folder of best_model_for_paper/ or weights file "
        "(default: the default model)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/page"), help="folder (default: %(default)s)"
    )


def run_page(arguments: argparse.Namespace) -> int:
    """Build the page that reads an EKG in the browser."""
    from ekg.paths import default_model
    from page.build import build_page

    model = arguments.model or default_model()
    built = build_page(model, arguments.out)
    print(
        f"{built.folder}: {built.size_bytes / 1e6:.1f} MB, model {model}, largest difference from "
        f"torch {built.export.largest_difference:.1e} over {built.export.images} images. "
        "Not for clinical use."
    )
    return 0


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
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


def run_serve(arguments: argparse.Namespace) -> int:
    """Show the built page on this machine (127.0.0.1)."""
    from page.server import ADDRESS, make_server

    with make_server(arguments.folder, arguments.port) as server:
        port = server.server_address[1]
        print(f"http://{ADDRESS}:{port}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
    return 0
