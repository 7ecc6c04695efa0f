"""Measure training, inference and loading, beside the textbook form, in one run.

python scripts/bench_training.py [--out benchmarks/training.csv] [--rounds 3] [--threads N]

Each measurement runs in its own process, the forms in turn, several rounds; the best of
all rounds counts, so that other work on the machine disturbs as little as it can. The plain form
is the textbook network as torch runs it when nothing is done about speed (NCHW, h-swish composed
of relu6, float32, the C library's own way with memory). The GPU's rows need a GPU.

`images_per_second` is by the clock. `images_per_cpu_second` is by the processor time that was
used: on a machine that others use too it says more, best with --threads 1 (threads that wait for
each other use processor time as well). `times_plain` compares processor time on a CPU, the clock
on a GPU.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ekg.files import atomic_open

COLUMNS = (
    "measurement",
    "form",
    "device",
    "precision",
    "threads",
    "batch_size",
    "image_size",
    "images_per_second",
    "images_per_cpu_second",
    "times_plain",
    "peak_gpu_bytes",
    "torch",
    "processor",
)
SHOWN = (
    "device",
    "measurement",
    "form",
    "precision",
    "threads",
    "batch_size",
    "images_per_second",
    "images_per_cpu_second",
    "times_plain",
)
PAPER_TRAIN, PAPER_VAL, PAPER_EPOCHS = 15_612, 3_271, 47
_SECONDS = 4.0


def measure_speed(work: Callable[[], int], synchronise: Callable[[], None]) -> dict[str, float]:
    """Measure `work`, which says how many images it did: the fastest call counts."""
    work()
    work()
    synchronise()
    by_clock = by_processor = 0.0
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        clock, processor = time.perf_counter(), time.process_time()
        count = work()
        synchronise()
        by_clock = max(by_clock, count / (time.perf_counter() - clock))
        by_processor = max(by_processor, count / max(time.process_time() - processor, 1e-9))
    return {"images_per_second": by_clock, "images_per_cpu_second": by_processor}


def measure_training(task: dict[str, Any]) -> dict[str, Any]:
    """Measure forward, backward and optimiser steps on images that are in memory."""
    import torch

    from ekg.config import config_from_dict
    from ekg.training import compute
    from ekg.training import trainer as building
    from ekg.training.state import build_optimizer
    from ekg.training.validation import step_loss

    config = config_from_dict(_settings(task))
    settings = compute.set_up(config.compute)
    compute.seed_everything(44)
    model = building.build_model(config, settings).train()
    forward = torch.compile(model) if settings.compile else model
    optimizer = build_optimizer(model, config.optimizer)
    images, labels = _random_batch(task, settings.device)
    weights = torch.ones(7, device=settings.device)

    def step() -> int:
        with settings.autocast():
            logits = forward(images)
        loss = step_loss(logits, labels, weights, float(len(labels)), 0.0)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return len(labels)

    return _result(measure_speed(step, _synchronise(settings.device)), settings)


def measure_inference(task: dict[str, Any]) -> dict[str, Any]:
    """Measure logits of uint8 images; ours with batch norm folded into the convolutions."""
    import torch

    from ekg.config import config_from_dict
    from ekg.model.torch_engine import for_inference
    from ekg.training import compute
    from ekg.training import trainer as building

    config = config_from_dict(_settings(task))
    settings = compute.set_up(config.compute)
    model = building.build_model(config, settings).eval()
    if task["form"] != "plain":
        model = for_inference(model).to(settings.device)
    images, labels = _random_batch(task, settings.device)

    def step() -> int:
        with torch.inference_mode(), settings.autocast():
            model(images)
        return len(labels)

    return _result(measure_speed(step, _synchronise(settings.device)), settings)


def measure_loader(task: dict[str, Any]) -> dict[str, Any]:
    """Measure uint8 batches from a packed file in the page cache, in a shuffled order."""
    import numpy as np
    import torch

    from ekg.data.image_sources import PackSource
    from ekg.data.loader import Loader, batches_of, epoch_order

    size, count = task["image_size"], 1_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pack.npy"
        pack = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size))
        pack[:] = np.random.default_rng(44).integers(0, 255, (size, size), np.uint8)
        pack.flush()
        source = PackSource(np.load(path, mmap_mode="r", allow_pickle=False), np.arange(count))
        with Loader(source, np.zeros(count, np.int64)) as loader:

            def epoch() -> int:
                batches = batches_of(epoch_order(count, 44, 0), task["batch_size"])
                return sum(len(batch.images) for batch in loader.batches(batches))

            speed = measure_speed(epoch, lambda: None)
    return {
        **speed,
        "precision": "uint8",
        "peak_gpu_bytes": 0,
        "threads": torch.get_num_threads(),
        "device_name": "cpu",
    }


def _settings(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"image_size": task["image_size"]},
        "training": {"batch_size": task["batch_size"]},
        "compute": {
            "device": task["device"],
            "precision": task["precision"],
            "plain": task["form"] == "plain",
            "compile": task.get("compile", "auto"),
            "threads": task["threads"],
        },
    }


def _random_batch(task: dict[str, Any], device: Any) -> tuple[Any, Any]:
    import torch

    size, n = task["image_size"], task["batch_size"]
    images = torch.randint(0, 256, (n, 1, size, size), dtype=torch.uint8, device=device)
    return images, torch.arange(n, device=device) % 7


def _synchronise(device: Any) -> Callable[[], None]:
    import torch

    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def _result(speed: dict[str, float], settings: Any) -> dict[str, Any]:
    import torch

    on_gpu = settings.device.type == "cuda"
    return {
        **speed,
        "precision": str(settings.precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "peak_gpu_bytes": torch.cuda.max_memory_reserved() if on_gpu else 0,
        "device_name": torch.cuda.get_device_name() if on_gpu else "cpu",
    }


MEASUREMENTS = {
    "training": measure_training,
    "inference": measure_inference,
    "loader": measure_loader,
}


def tasks(batch_size: int, image_size: int, device: str, threads: int) -> list[dict[str, Any]]:
    """Return what is measured on a device, the plain form first."""
    common = {
        "batch_size": batch_size,
        "image_size": image_size,
        "device": device,
        "threads": threads,
    }
    found = [
        {**common, "measurement": measurement, "form": form, "precision": "float32"}
        for measurement in ("training", "inference")
        for form in ("plain", "ours")
    ]
    if device == "cpu":
        found.append({**common, "measurement": "loader", "form": "ours", "precision": "uint8"})
        return found
    for measurement in ("training", "inference"):
        for form, compiled in (("ours, mixed", "off"), ("ours, mixed, compiled", "on")):
            found.append(
                {
                    **common,
                    "measurement": measurement,
                    "form": form,
                    "precision": "auto",
                    "compile": compiled,
                }
            )
    return found


def run_in_own_process(task: dict[str, Any]) -> dict[str, Any]:
    """Run one measurement in a fresh process."""
    command = [sys.executable, __file__, "--task", json.dumps(task)]
    # As `python -m ekg train` does; the plain form gets it too.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"measurement {task} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measure_all(wanted: list[dict[str, Any]], rounds: int) -> list[dict[str, Any]]:
    """Run all tasks in turn, several rounds; keep each one's best."""
    import torch

    best: dict[str, dict[str, Any]] = {}
    for number in range(rounds):
        for task in wanted:
            answer = run_in_own_process(task)
            key = f"{task['measurement']}/{task['form']}/{task['device']}"
            print(
                f"round {number + 1}: {key}: {answer['images_per_second']:,.1f} images/s, "
                f"{answer['images_per_cpu_second']:,.1f} a CPU second",
                file=sys.stderr,
                flush=True,
            )
            kept = best.setdefault(key, {**task, **answer})
            for name in ("images_per_second", "images_per_cpu_second"):
                kept[name] = max(kept[name], answer[name])
    rows = []
    for row in best.values():
        plain = best.get(f"{row['measurement']}/plain/{row['device']}")
        by = "images_per_cpu_second" if row["device"] == "cpu" else "images_per_second"
        rows.append(
            {
                **{name: row[name] for name in COLUMNS if name in row},
                "device": row["device_name"],
                "images_per_second": f"{row['images_per_second']:.1f}",
                "images_per_cpu_second": f"{row['images_per_cpu_second']:.1f}",
                "times_plain": f"{row[by] / plain[by]:.2f}" if plain else "",
                "torch": torch.__version__,
                "processor": _processor(),
            }
        )
    return rows


def paper_schedule_minutes(training: float, inference: float, *, loss_pass: bool) -> float:
    """Return the minutes of the paper's 47 epochs at these images/s."""
    measured = PAPER_VAL + (PAPER_TRAIN if loss_pass else 0)
    return PAPER_EPOCHS * (PAPER_TRAIN / training + measured / inference) / 60.0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    """Measure, write the CSV file, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/training.csv"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=800)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--docs", type=Path, help="page whose table is to be replaced")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        task = json.loads(arguments.task)
        print(json.dumps(MEASUREMENTS[task["measurement"]](task)))
        return
    import torch

    wanted = tasks(arguments.batch_size, arguments.image_size, "cpu", arguments.threads)
    if torch.cuda.is_available():
        wanted += tasks(32, arguments.image_size, "cuda", arguments.threads)
    else:
        print("no GPU here: its rows are left out", file=sys.stderr)
    rows = measure_all(wanted, arguments.rounds)
    with atomic_open(arguments.out) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        speed, times = row["images_per_second"], row["times_plain"]
        print(
            f"{row['device']:12s} {row['measurement']:10s} {row['form']:22s} {row['precision']:9s}"
            f"{speed:>10s} images/s, {row['images_per_cpu_second']} a CPU second"
            + (f"  {times} times plain" if times else "")
        )
    _print_schedule(rows)
    print(f"{os.fspath(arguments.out)} written")
    if arguments.docs:
        import pandas as pd

        from ekg.markdown import put_table

        put_table(arguments.docs, "speed", pd.read_csv(arguments.out, dtype=str), SHOWN)


def _print_schedule(rows: list[dict[str, Any]]) -> None:
    """Say what the paper's whole schedule would take, by device."""
    for device in dict.fromkeys(row["device"] for row in rows):
        speed = {
            name: max(
                (
                    float(row["images_per_second"])
                    for row in rows
                    if row["measurement"] == name and row["device"] == device
                ),
                default=0.0,
            )
            for name in ("training", "inference")
        }
        if min(speed.values()) > 0:
            minutes = paper_schedule_minutes(speed["training"], speed["inference"], loss_pass=True)
            print(
                f"{device}: the paper's {PAPER_EPOCHS} epochs would take {minutes:,.1f} minutes "
                "with the training-loss pass (loading not counted; published: 78.1)"
            )


if __name__ == "__main__":
    main()
