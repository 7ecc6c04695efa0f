"""The settings of every stage, as frozen dataclasses, and the experiment files that set them.

The defaults are the paper's values; every field of a file is checked by name and type.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from ekg.errors import ConfigError
from ekg.files import write_text

_Kind = typing.TypeVar("_Kind")

PAPER_SEED = 44
IMAGE_SIZE_LIMITS = (16, 2048)


@dataclass(frozen=True)
class SliceConfig:
    """How a record is cut into slices."""

    sampling_frequency: int = 500
    """Hz; records of another rate are resampled to it."""
    seconds: float = 2.5
    """Length of one slice."""
    utilization_fraction: float = 0.8
    """At most this part of a record is used."""
    n_slices_max: int = 10
    """At most this many slices a record."""

    @property
    def length(self) -> int:
        """Samples per slice: 1250."""
        return round(self.sampling_frequency * self.seconds)


@dataclass(frozen=True)
class NetworkConfig:
    """Which network, and which part of it learns."""

    name: str = "mobilenetv3_small_custom"
    """Any name that `ekg.model.build_network` knows."""
    weights: str = ""
    """Weights to start from: empty for fresh ones, "imagenet" (torchvision's backbones only), or
    a file or run folder with weights of this network."""
    train: Literal["all", "final"] = "all"
    """Train the whole network or its final layer alone (torchvision's backbones only)."""
    dropout: float = 0.2
    """Dropout before the final layer (used by mobilenetv3_small_custom)."""


@dataclass(frozen=True)
class DataConfig:
    """What the network sees."""

    image_size: int = 800
    """Side of the square image, pixels; must be that of the image set."""
    channels: int = 1
    """1 for grey; 3 repeats the grey channel for networks made for colour."""
    mean: tuple[float, ...] = (0.95816243,)
    """Normalisation of values in 0..1: published for the training images. One or per channel."""
    std: tuple[float, ...] = (0.09317242,)
    """Likewise; the mean of per-batch standard deviations."""
    source: Literal["auto", "pack", "png", "records"] = "auto"
    """Packed file, PNG files, or drawn from the records; auto: packed when there is one."""
    slices: Literal["fixed", "random"] = "fixed"
    """The image set's slices, or (source = "records") new slice positions in every epoch."""
    max_train_images: int = 0
    """Use at most this many training images, spread evenly over classes and records; 0: all."""
    max_val_images: int = 0
    """Likewise for validation."""


@dataclass(frozen=True)
class AugmentationConfig:
    """Changes of the signal before it is drawn (training only; needs source = "records").

    Each keeps an EKG an EKG: a value of 0 switches it off.
    """

    amplitude: float = 0.0
    """Scale all leads by a factor between 1 - x and 1 + x."""
    baseline_wander: float = 0.0
    """Peak of a slow sine (0.15 to 0.5 Hz) added to each lead, mV."""
    noise: float = 0.0
    """Standard deviation of white noise added to each lead, mV."""
    time_shift: float = 0.0
    """Move the slice by up to this many seconds either way, inside the record."""
    columns: float = 0.0
    """Share of the slices whose four columns of leads follow each other, as on a 3x4 page
    (records of 10 s or more)."""
    missing_leads: float = 0.0
    """Share of the slices in which one to three leads are left blank."""
    page_errors: float = 0.0
    """Share of the slices with the errors of a recording that was read from a page."""

    @property
    def active(self) -> bool:
        """Whether anything is switched on."""
        return any(getattr(self, f.name) > 0 for f in fields(self))


@dataclass(frozen=True)
class TrainingConfig:
    """The course of the training."""

    epochs: int = 300
    """At most this many epochs."""
    max_minutes: float = 180.0
    """No epoch begins after this many minutes; 0: no limit. The schedule takes no notice of it."""
    batch_size: int = 32
    """Images per step, over all processes together; the last partial batch is kept."""
    seed: int = PAPER_SEED
    """NumPy's seed (order of images, slices); torch gets seed + 1 and CUDA seed + 2."""
    train_loss_pass: bool = True
    """Measure the training loss in a full pass after each epoch; else while training."""
    class_weights: Literal["balanced", "none"] = "balanced"
    """Weight of a class in the loss: total / count, divided by the largest."""
    label_smoothing: float = 0.0
    """Share of the target spread over all classes (training steps only)."""
    averaging_decay: float = 0.0
    """Exponential moving average of the weights, decay a step (0.99); 0: none."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient; 0: not limited."""
    best_by: Literal["val_loss", "val_macro_f1", "last"] = "val_loss"
    """What the kept epoch is best at; "last" keeps the last one, whatever validation says."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints within an epoch; each epoch ends with one."""


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move."""

    name: Literal["sgd", "adamw"] = "sgd"
    """sgd (with momentum) or adamw."""
    learning_rate: float = 0.001
    """The largest of the schedule."""
    momentum: float = 0.9
    """sgd only."""
    weight_decay: float = 0.0
    """Not applied to biases and batch norm."""


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate changes over all epochs."""

    name: Literal["constant", "cosine", "one_cycle"] = "constant"
    """constant; cosine decay; one_cycle: cosine up during the warm-up, cosine down after it."""
    warmup_fraction: float = 0.0
    """Share of the training over which the rate rises (linearly, for one_cycle as a cosine)."""
    final_fraction: float = 0.0
    """The rate at the end, as a share of the largest."""


@dataclass(frozen=True)
class EarlyStoppingConfig:
    """The paper's rule. It is not plain patience."""

    enabled: bool = True
    """Whether to stop early at all."""
    after_epoch: int = 10
    """Checked when the epoch index is over this."""
    window: int = 10
    """The number of last validation losses; the first of them is the reference."""
    min_improvement: float = 0.0005
    """Go on if one of them is lower than the reference by more than this share."""


@dataclass(frozen=True)
class ComputeConfig:
    """Where and how it is computed. None of it is meant to change what is learned."""

    device: str = "auto"
    """auto (a GPU when there is one), cpu, cuda, cuda:1, mps."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on GPUs that have it, else float16 with scaling; float32 on a CPU."""
    threads: int = 0
    """CPU threads of one process; 0: all cores."""
    workers: int = -1
    """Loader threads (processes when drawing from records); -1: chosen; 0: none."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile; auto: where it was measured to help, which so far is nowhere."""
    channels_last: bool = True
    """Memory order of the activations."""
    plain: bool = False
    """The textbook form of the network, for measuring."""
    deterministic: bool = False
    """Only deterministic algorithms (a CPU is deterministic anyway)."""
    tensorboard: bool = False
    """Write TensorBoard events into the run folder."""


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of `python -m ekg train`: one TOML file."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    early_stopping: EarlyStoppingConfig = field(default_factory=EarlyStoppingConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ConfigError(problem)


_RANGES: tuple[tuple[str, Callable[[float], bool], str], ...] = (
    ("0 or more", lambda value: value >= 0, "data.max_train_images data.max_val_images"),
    (">= 1", lambda value: value >= 1, "training.epochs training.batch_size"),
    (
        ">= 0",
        lambda value: value >= 0,
        "training.max_minutes training.gradient_clip training.checkpoint_minutes training.seed "
        "optimizer.weight_decay augmentation.baseline_wander augmentation.noise "
        "augmentation.time_shift",
    ),
    (
        "at least 0 and below 1",
        lambda value: 0 <= value < 1,
        "training.label_smoothing training.averaging_decay network.dropout optimizer.momentum "
        "augmentation.amplitude",
    ),
    ("above 0", lambda value: value > 0, "optimizer.learning_rate"),
    (
        "0 to 1",
        lambda value: 0 <= value <= 1,
        "schedule.warmup_fraction schedule.final_fraction augmentation.columns "
        "augmentation.missing_leads augmentation.page_errors",
    ),
    (">= 2", lambda value: value >= 2, "early_stopping.window"),
)
"""What numbers must be, the check, and the fields."""


def _problems(config: TrainConfig) -> list[str]:
    """Say what is out of range or does not fit together, one line each."""
    problems: list[str] = []

    def need(ok: bool, name: str, value: Any, wanted: str) -> None:
        if not ok:
            problems.append(f"field `{name}` is {value!r}, must be {wanted}")

    data = config.data
    low, high = IMAGE_SIZE_LIMITS
    need(low <= data.image_size <= high, "data.image_size", data.image_size, f"{low} to {high}")
    need(data.channels in (1, 3), "data.channels", data.channels, "1 or 3")
    for name in ("mean", "std"):
        value = getattr(data, name)
        wanted = f"one value or one for each of {data.channels} channels"
        need(len(value) in (1, data.channels), f"data.{name}", value, wanted)
    need(all(value > 0 for value in data.std), "data.std", data.std, "above 0")
    for wanted, holds, names in _RANGES:
        for name in names.split():
            value = attrgetter(name)(config)
            need(holds(value), name, value, wanted)
    if data.source != "records" and (data.slices == "random" or config.augmentation.active):
        problems.append(
            f'field `data.source` is "{data.source}": random slices and augmentation change the '
            'signal, so images must be drawn from it; set data.source = "records"'
        )
    return problems


def load_config(path: str | Path | None, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read an experiment file and apply overrides.

    `path`: A TOML file whose tables are the fields of `TrainConfig`; what it leaves out keeps its
    default. None: the defaults, the paper's recipe.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values = _read_toml(Path(path))
    for override in overrides:
        _apply_override(values, override)
    return config_from_dict(values, path)


def load_table(path: str | Path, kind: type[_Kind]) -> _Kind:
    """Read a TOML file whose keys are the fields of the dataclass `kind`, checked by type."""
    try:
        return typing.cast(_Kind, _build(kind, _read_toml(Path(path)), ""))
    except TypeError as error:
        raise ConfigError(str(error).split("__init__() ")[-1], path=path) from None
    except ConfigError as error:
        raise ConfigError(error.problem, path=error.path or path, remedy=error.remedy) from None


def config_from_dict(values: Mapping[str, Any], path: str | Path | None = None) -> TrainConfig:
    """Build a `TrainConfig` from nested tables; `path` is named in errors."""
    try:
        return typing.cast(TrainConfig, _build(TrainConfig, values, ""))
    except ConfigError as error:
        raise ConfigError(error.problem, path=error.path or path, remedy=error.remedy) from None


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return nested tables of plain values: what `config_from_dict` takes."""
    return typing.cast(dict[str, Any], _plain(dataclasses.asdict(config)))


def save_config(path: str | Path, config: TrainConfig, *, title: str = "") -> None:
    """Write `config` in full as TOML, atomically."""
    lines = [f"# {line}" for line in title.splitlines()]
    for section, table in config_to_dict(config).items():
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        lines += [f"{name} = {_toml_value(value)}" for name, value in table.items()]
    write_text(path, "\n".join(lines) + "\n")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            # As a TOML file it would mean the paper's recipe; as a file it was cut off.
            raise ConfigError("is empty", path=path, remedy="leave it out for the paper's recipe")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(
            "experiment file not found", path=path, remedy="see experiments/"
        ) from None
    except IsADirectoryError:
        raise ConfigError("is a folder, not an experiment file", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not a TOML file ({error})", path=path) from None


def _apply_override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise ConfigError(
            f"override {override!r} is not of the form section.field=value",
            remedy="e.g. training.batch_size=16",
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = values.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"field `{section}` must be a table")
    table[key] = value


def _build(kind: type, values: Mapping[str, Any], prefix: str) -> Any:
    """Build dataclass `kind`, checking names and types."""
    hints = typing.get_type_hints(kind)
    unknown = [name for name in values if name not in hints]
    if unknown:
        raise ConfigError(
            f"unknown field `{prefix}{unknown[0]}`", remedy=f"known fields: {', '.join(hints)}"
        )
    arguments = {}
    for name, value in values.items():
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"field `{prefix}{name}` must be a table ([{prefix}{name}])")
            arguments[name] = _build(typing.cast(type, hint), value, f"{prefix}{name}.")
        else:
            arguments[name] = _checked(hint, value, prefix + name)
    return kind(**arguments)


def _checked(hint: Any, value: Any, name: str) -> Any:
    """Return `value` as the type `hint` asks for, or raise an error."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise ConfigError(
                f"field `{name}` is {value!r}", remedy=f"choose one of {', '.join(choices)}"
            )
        return value
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_checked(typing.get_args(hint)[0], item, name) for item in items)
    if origin in (types.UnionType, typing.Union):
        raise TypeError(f"configurations have no union types: {name}")
    wanted = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}[hint]
    is_bool = isinstance(value, bool)
    if hint is float and isinstance(value, int) and not is_bool:
        value = float(value)
    if not isinstance(value, hint) or (is_bool and hint is not bool):
        raise ConfigError(f"field `{name}` is {value!r}, must be {wanted}")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)  # the shortest form that reads back as the same number
    # Texts, whole numbers, true and false; TOML, unlike JSON, wants the delete character escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
