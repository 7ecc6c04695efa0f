"""Each room imports only from the rooms to its left."""

import ast

import pytest

ROOMS = ("waveform", "image", "data", "model", "training", "evaluation", "paper", "verification")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "ekg" and len(parts) > 1 and parts[1] in (*ROOMS, "commands"):
                yield parts[1]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_left(root, room):
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    for path in sorted((root / "ekg" / room).rglob("*.py")):
        wrong = set(imported_rooms(path)) - allowed
        assert not wrong, f"{path} imports from {wrong}"


def test_files_are_small_and_quiet(root):
    for path in sorted((root / "ekg").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 500, f"{path} has over 500 lines"
        for form in ("import matplotlib.pyplot", "import pyplot", "plt."):
            assert form not in text, f"{path} uses pyplot, a global state"


def test_nothing_from_outside_is_unpickled(root):
    for path in [*(root / "ekg").rglob("*.py"), *(root / "scripts").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        for word in ("pickle.load", "Unpickler(", "weights_only=False", "allow_pickle=True"):
            assert word not in text, f"{path} has {word}"
        for call in text.split("torch.load(")[1:]:
            assert "weights_only=True" in call[:200], f"{path}: torch.load without weights_only"
