"""Write the cards of all stored models again, from the files beside them.

Usage: python scripts/model_cards.py [--write]

Without --write it says which cards differ from what it would write, and ends with status 1 if
any does. A test does the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ekg.files import write_text  # noqa: E402
from ekg.paths import PUBLISHED_FOLDER, STORED_MODELS  # noqa: E402
from ekg.run import STORED_FILE  # noqa: E402
from ekg.store.cards import model_card, published_card  # noqa: E402
from ekg.store.stored_external import EXTERNAL  # noqa: E402
from ekg.store.stored_model import CARD_FILE  # noqa: E402


def cards() -> dict[Path, str]:
    """Return every card as the files say it now."""
    own = [path.parent for path in sorted(STORED_MODELS.glob(f"*/{STORED_FILE}"))]
    found = {folder / CARD_FILE: model_card(folder) for folder in own}
    compared = [folder for folder in own if any((folder / EXTERNAL).glob("*.json"))]
    found[PUBLISHED_FOLDER / CARD_FILE] = published_card(
        PUBLISHED_FOLDER, compared[-1] if compared else None
    )
    return found


def main(arguments: list[str] | None = None) -> int:
    """Compare or write the cards."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write them")
    write = parser.parse_args(arguments).write
    different = [
        (path, text)
        for path, text in cards().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in different:
        if write:
            write_text(path, text)
        print(f"{path.relative_to(ROOT)}: {'written' if write else 'differs from its files'}")
    return int(bool(different) and not write)


if __name__ == "__main__":
    sys.exit(main())
