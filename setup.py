"""What pyproject.toml cannot say: a wheel carries the default model and the published figures."""

import json
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODELS = Path("best_model_for_paper")
PUBLISHED = ["README.md", "published_figures.json"]  # not what `best-model` has fetched beside


def model_files() -> list[Path]:
    """Return what goes into the wheel, below best_model_for_paper/."""
    name = (MODELS / "default").read_text(encoding="utf-8").strip()
    stored = json.loads((MODELS / name / "stored.json").read_text(encoding="utf-8"))
    own = [f"{name}/{file}" for file in ["README.md", "stored.json", *stored["sha256"]]]
    (published,) = MODELS.glob(f"*/{PUBLISHED[1]}")
    return [Path(file) for file in ["default", *dict.fromkeys(own)]] + [
        published.parent.relative_to(MODELS) / file for file in PUBLISHED
    ]


class BuildWithModel(build_py):
    """Copies the files beside the package's own."""

    def run(self) -> None:
        """Copy the package, then the model."""
        place = Path(self.build_lib) / "ekg"
        if not self.editable_mode:
            shutil.rmtree(place, ignore_errors=True)  # what an earlier version left
        super().run()
        if not self.editable_mode:
            for file in model_files():
                target = place / MODELS / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(MODELS / file, target)


setup(cmdclass={"build_py": BuildWithModel})
