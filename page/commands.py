"""The verbs `page`, `serve`: their arguments, and what they print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated


def run_page(
    *,
    model: Annotated[
        Path | None,
        "run folder, folder of best_model_for_paper/ or weights file (default: the default model)",
    ] = None,
    out: Annotated[Path, "folder (default: %(default)s)"] = Path("build/page"),
) -> int:
    """Build the page that reads an EKG in the browser."""
    from ekg.paths import default_model
    from page.build import build_page

    model = model or default_model()
    built = build_page(model, out)
    print(
        f"{built.folder}: {built.size_bytes / 1e6:.1f} MB, model {model}, largest difference from "
        f"torch {built.export.largest_difference:.1e} over {built.export.images} images. "
        "Not for clinical use."
    )
    return 0


def run_serve(
    *,
    folder: Annotated[Path, "the built page (default: %(default)s)"] = Path("build/page"),
    port: Annotated[int, "port; 0 for any free one (default: %(default)s)"] = 8000,
) -> int:
    """Show the built page on this machine (127.0.0.1)."""
    from page.server import ADDRESS, make_server

    with make_server(folder, port) as server:
        port = server.server_address[1]
        print(f"http://{ADDRESS}:{port}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
    return 0
