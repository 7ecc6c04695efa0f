"""A small model and made-up records, so that these tests need no reference data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb

from ekg.model import EkgModel, build_network, save_weights
from ekg.model.engines import open_engine
from ekg.model.export import check_images
from ekg.predict.predictor import Predictor
from ekg.records.record import LEADS

SIZE = 96


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose untrained network answers differently to different images."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    torch.manual_seed(10)
    network = build_network()
    torch.nn.init.normal_(network.classifier[0].weight, std=0.5)
    torch.nn.init.normal_(network.classifier[3].weight, std=0.5)
    model = EkgModel(network, image_size=SIZE)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.from_numpy(check_images(SIZE)))
    save_weights(folder / "weights.safetensors", network.state_dict(), model.metadata)
    return folder


@pytest.fixture(scope="session")
def predictor(small_model: Path) -> Predictor:
    return Predictor(open_engine(small_model))


@pytest.fixture(scope="session")
def limb_consistent_signal() -> Callable[..., np.ndarray]:
    """Makes a 12-lead signal, mV, in which Einthoven's and Goldberger's relations hold."""

    def make(seconds: float = 10.0, rate: int = 500, seed: int = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        times = np.arange(round(seconds * rate)) / rate
        beats = np.arange(0.3, seconds, 0.8)

        def wave(width: float) -> np.ndarray:
            return np.exp(-(((times - beats[:, None]) / width) ** 2)).sum(axis=0)

        def lead() -> np.ndarray:
            noise = 0.01 * random.standard_normal(len(times))
            return (
                random.uniform(0.3, 1.2) * wave(0.02) + random.uniform(0, 0.3) * wave(0.08) + noise
            )

        one, two = lead(), lead()
        limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
        return np.stack(limb + [lead() for _ in range(6)])

    return make


@pytest.fixture(scope="session")
def write_record() -> Callable[..., Path]:
    """Writes a WFDB record and returns its header file."""

    def write(
        folder: Path, name: str, signal: np.ndarray, rate: int = 500, leads: tuple = LEADS
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        wfdb.wrsamp(
            name,
            fs=rate,
            units=["mV"] * len(leads),
            sig_name=list(leads),
            p_signal=signal.T,
            fmt=["16"] * len(leads),
            adc_gain=[1000.0] * len(leads),
            baseline=[0] * len(leads),
            write_dir=str(folder),
        )
        return folder / f"{name}.hea"

    return write


@pytest.fixture
def records(tmp_path, limb_consistent_signal, write_record) -> Path:
    """A folder with three records, one of them in a folder below and at another rate."""
    folder = tmp_path / "records"
    write_record(folder, "R10", limb_consistent_signal(seed=1))
    write_record(folder, "R2", limb_consistent_signal(seed=2))
    write_record(folder / "below", "R3", limb_consistent_signal(rate=250, seed=3), rate=250)
    return folder
