"""Train the beginning of a run again and hold it against the run: can it be repeated.

python scripts/repeat_start.py --run RUN --images DIR --split CSV --records DIR [--steps 200]
    [--times 2] [--epoch]

Each time a new process trains RUN's own configuration from the start and notes the SHA-256 of all
weights and the loss after 1, 10, 50, 100, ... and --steps steps. With --epoch the last continues
to the end of the first epoch, where its row of the history (losses, accuracy, macro F1 of the
averaged weights) must equal RUN's to the last bit. Equal results are expected on a CPU of the same
kind with the same number of threads. The table goes to benchmarks/repeat_start.csv.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


from ekg.files import atomic_open

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("trained", "step", "threads", "loss", "equal")
NOTED = (1, 10, 50, 100, 200, 500, 1000)
COLUMNS = ("trained", "epoch", "step", "threads", "loss", "weights_sha256", "equal")
EQUAL_COLUMNS = (
    "train_loss",
    "val_loss",
    "learning_rate",
    "train_accuracy",
    "val_accuracy",
    "val_macro_f1",
    "steps",
)
"""Columns of the history that neither a clock nor an allocator fills."""


def weights_of(model: object) -> str:
    """Return the SHA-256 of all parameters and buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):  # type: ignore[attr-defined]
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def train_beginning(arguments: argparse.Namespace) -> None:
    """Train in this process; print one JSON line for each noted step, and the epoch's row."""
    import torch

    from ekg.config import load_config
    from ekg.training import trainer as loop

    class Beginning(loop._Course):
        """Stops after some steps, or after the first epoch."""

        def _between_steps(self) -> None:
            step = self.state.step
            if step in (*NOTED, arguments.steps) and step <= max(arguments.steps, 0):
                sums = self.state.sums
                line = {
                    "step": step,
                    "threads": torch.get_num_threads(),
                    "loss": sums.loss / sums.images,
                    "weights_sha256": weights_of(self.state.model),
                }
                print(json.dumps(line), flush=True)
            if step >= arguments.steps and not arguments.epoch:
                raise KeyboardInterrupt
            super()._between_steps()

        def _keep(self, row: dict[str, object]) -> None:
            line = {"threads": torch.get_num_threads(), "row": row}
            print(json.dumps(line), flush=True)
            raise KeyboardInterrupt

    loop._Course = Beginning  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        try:
            loop.train(
                load_config(arguments.run / "config.toml"),
                arguments.images,
                arguments.split,
                Path(folder) / "run",
                records=arguments.records,
            )
        except KeyboardInterrupt:
            return


def lines_of(arguments: argparse.Namespace, *, epoch: bool) -> list[dict[str, object]]:
    """Train the beginning in its own process and return what it noted."""
    command = [
        sys.executable,
        __file__,
        "--worker",
        "--run",
        str(arguments.run),
        "--images",
        str(arguments.images),
        "--split",
        str(arguments.split),
        "--records",
        str(arguments.records),
        "--steps",
        str(arguments.steps),
        *(["--epoch"] if epoch else []),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def stored_row(run: Path) -> dict[str, str]:
    """Return the first epoch's row of a run's history."""
    with (run / "train_results.csv").open(newline="") as stream:
        return next(csv.DictReader(stream))


def compared(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Train as often as asked and return the table's rows."""
    first: dict[object, dict[str, object]] = {}
    rows: list[dict[str, object]] = []
    for time in range(arguments.times):
        last = time == arguments.times - 1
        for line in lines_of(arguments, epoch=arguments.epoch and last):
            if "row" in line:
                found, wanted = line["row"], stored_row(arguments.run)
                assert isinstance(found, dict)
                same = all(float(found[name]) == float(wanted[name]) for name in EQUAL_COLUMNS)
                rows.append(
                    {
                        "trained": f"again {time + 1}, against the run's history",
                        "epoch": 0,
                        "step": found["steps"],
                        "threads": line["threads"],
                        "loss": repr(found["val_loss"]),
                        "equal": "yes" if same else "no",
                    }
                )
                continue
            reference = first.setdefault(line["step"], line)
            same = all(reference[name] == line[name] for name in ("loss", "weights_sha256"))
            rows.append(
                {
                    "trained": f"again {time + 1}",
                    "epoch": 0,
                    "step": line["step"],
                    "threads": line["threads"],
                    "loss": repr(line["loss"]),
                    "weights_sha256": line["weights_sha256"],
                    "equal": "" if reference is line else "yes" if same else "no",
                }
            )
    return rows


def main() -> int:
    """Compare, write the table, and say by the exit status whether all was equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name in ("run", "images", "split", "records"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--epoch", action="store_true", help="the last time, the whole epoch")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "repeat_start.csv")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        train_beginning(arguments)
        return 0
    rows = compared(arguments)
    with atomic_open(arguments.out) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(arguments.out.read_text())
    return 1 if any(row["equal"] == "no" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
