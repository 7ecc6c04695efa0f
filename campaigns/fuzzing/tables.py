"""Tables and settings from outside: CSV, TOML, JSON and lists of checksums."""

from __future__ import annotations

import json
from pathlib import Path

from campaigns.fuzzing.case import Target
from ekg.config import config_to_dict, load_config, save_config
from ekg.data.split import read_labels, read_split, split_records
from ekg.datasets.labels import read_label_table
from ekg.datasets.ledger import Ledger
from ekg.datasets.registry import check_relative, parse_checksums, read_registry, source_named
from ekg.evaluation.predictions import read_predictions
from ekg.images.journal import Journal
from ekg.images.manifest import read_manifest
from ekg.paper.run_files import RunFiles

_CSV_TOKENS = (b",", b"\n", b'"', b'""', b"\r", b"\x00", b"\xef\xbb\xbf", b"nan", b"\xff", b"1e999")
_HASH = b"0123456789abcdef" * 4


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _labels(data: bytes, folder: Path) -> None:
    labels = read_labels(_file(folder, "labels.csv", data))
    split_records(labels, protocol="stratified")


def _split(data: bytes, folder: Path) -> None:
    read_split(_file(folder, "split.csv", data))


def _label_table(data: bytes, folder: Path) -> None:
    read_label_table(_file(folder, "labels.csv", data))


def _manifest(data: bytes, folder: Path) -> None:
    read_manifest(_file(folder, "manifest.csv", data))


def _predictions(data: bytes, folder: Path) -> None:
    read_predictions(_file(folder, "predictions_test.csv", data))


def _experiment(data: bytes, folder: Path) -> None:
    """Read an experiment file, write it and read it again: nothing may be lost."""
    config = load_config(_file(folder, "experiment.toml", data))
    save_config(folder / "again.toml", config)
    again = load_config(folder / "again.toml")
    if repr(config_to_dict(again)) != repr(config_to_dict(config)):  # repr: NaN equals itself
        raise AssertionError("an experiment file does not survive writing and reading")


def _override(data: bytes, folder: Path) -> None:
    load_config(None, data.decode("utf-8", errors="replace").splitlines())


def _checksums(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", errors="replace")
    for path in parse_checksums(text, "SHA256SUMS.txt"):
        if not (folder / path).resolve().is_relative_to(folder.resolve()):
            raise AssertionError(f"{path!r} leads out of the folder")
    source = source_named("ptbdb")
    for file in source.select(parse_checksums(text, "SHA256SUMS.txt")):
        check_relative(file.local, "SHA256SUMS.txt")


def _registry(data: bytes, folder: Path) -> None:
    read_registry.__wrapped__(_file(folder, "registry.toml", data))


def _run_files(data: bytes, folder: Path) -> None:
    """Read one of a run folder's files, which the first byte chooses."""
    images = folder / "images"
    images.mkdir()
    run = RunFiles(folder, images)
    kind, content = data[:1] or b"\0", data[1:]
    match kind[0] % 8:
        case 0:
            _file(folder, "metrics.json", content)
            _ = run.metrics
        case 1:
            _file(folder, "calibration.json", content)
            run.temperature("a")
        case 2:
            _file(folder, "train_results.csv", content)
            _ = run.history
        case 3:
            _file(folder, "config.toml", content)
            _ = run.settings
        case 4:
            _file(images, "records.csv", content)
            _ = run.records
        case 5:
            _file(images, "split.csv", content)
            _ = run.split_of_records
        case 6:
            _file(images, "dataset.json", content)
            _ = run.dataset_info
        case _:
            _file(folder, "environment.json", content)
            _ = (run.environment, run.manifest)


def _journal(data: bytes, folder: Path) -> None:
    """Open the files that an interrupted run left, and continue them."""
    with Journal(_file(folder, ".journal.jsonl", data)) as journal:
        for name in journal.names():
            journal.get(name)
        journal.append({"record": "A0001"})
        if journal.get("A0001") != {"record": "A0001"}:
            raise AssertionError("the journal lost an entry")
    _file(folder, ".verified.jsonl", data)
    ledger = Ledger(folder)
    ledger.add(".journal.jsonl", "0" * 64)
    if Ledger(folder).sha256(".journal.jsonl") != "0" * 64:
        raise AssertionError("the ledger lost an entry")


def _prediction_seeds() -> list[bytes]:
    classes = ("AF", "I-AVB", "LBBB", "Normal", "RBBB", "STD", "STE")
    own = "image,record,label,pred," + ",".join(f"p_{c}" for c in classes) + ",weight\n"
    own += "all/AF/A1-s01_PIL.png,A1,AF,AF,0.4,0.1,0.1,0.1,0.1,0.1,0.1,0.5\n"
    own += "all/AF/A1-s02_PIL.png,A1,AF,STE,0.1,0.1,0.1,0.1,0.1,0.1,0.4,0.5\n"
    published = "label,pred,is_correct,fname,weight\n0,0,1,A0004-s01_PIL.png,1.0\n"
    return [own.encode(), published.encode(), b"image,record,label,pred,weight\na,b,AF,AF,1\n"]


def _run_seeds() -> list[bytes]:
    metrics = {"schema": 1, "classes": ["AF"], "test": {"records": 2, "images": 3}}
    history = b"epoch,train_loss,val_loss,saved_model\n1,0.5,0.6,True\n"
    return [
        b"\x00" + json.dumps(metrics).encode(),
        b'\x01{"temperature": 1.3, "weights_sha256": null}',
        b"\x02" + history,
        b"\x03[training]\nepochs = 3\n",
        b"\x04record,diagnoses,reason\nA1,AF,\n",
        b"\x05record,diagnoses,split\nA1,AF,train\n",
        b'\x06{"dataset": "synthetic"}',
        b'\x07{"images": "data/x", "manifest_sha256": "a"}',
    ]


TARGETS = (
    Target(
        "labels",
        _labels,
        lambda: [b'record,diagnoses\nA1,AF\nA2,"AF,STE"\nA3,Normal\n'],
        (*_CSV_TOKENS, b"record", b"diagnoses", b"59118001"),
        2000,
    ),
    Target(
        "split",
        _split,
        lambda: [b"record,diagnoses,split\nA1,AF,train\nA2,STE,test\nA3,,excluded\n"],
        (*_CSV_TOKENS, b"record", b"split", b"train", b"none"),
        2000,
    ),
    Target(
        "label_table",
        _label_table,
        lambda: [
            b"ecg_id,scp_codes,filename_lr,filename_hr\n"
            b"1,\"{'NORM': 100.0, 'SR': 0.0}\",a/00001_lr,a/00001_hr\n",
            b"record,dx\nA1,164889003;59118001\n",
            b"record,diagnoses\nA1,AF\n",
        ],
        (*_CSV_TOKENS, b"scp_codes", b"dx", b"{'NORM': 1e400}", b"{", b"}", b"(" * 90),
        2000,
    ),
    Target(
        "manifest",
        _manifest,
        lambda: [
            b"image,record,diagnosis,slice,start,sha256,clipped_fraction\n"
            b"all/AF/A1-s01_PIL.png,A1,AF,1,0," + _HASH + b",0.0\n"
        ],
        (*_CSV_TOKENS, b"../", b"all/AF/", b"-1"),
        2000,
    ),
    Target(
        "predictions",
        _predictions,
        _prediction_seeds,
        (*_CSV_TOKENS, b"p_AF", b"p_", b"label", b"0.5", b"inf"),
        3000,
    ),
    Target(
        "experiment",
        _experiment,
        lambda: [p.read_bytes() for p in sorted(Path("experiments").glob("*.toml"))],
        (
            b"[training]",
            b"[data]",
            b" = ",
            b'"',
            b"'''",
            b"[[",
            b"1979-05-27",
            b"nan",
            b"inf",
            b"true",
            b"0x1f",
            b"-0",
            b"{",
            b"epochs",
            b"learning_rate",
            b"image_size",
        ),
        2500,
    ),
    Target(
        "override",
        _override,
        lambda: [b"training.epochs=3", b"data.source=pack", b"optimizer.learning_rate=1e-3"],
        (b"training.", b"=", b"[", b"{", b'"', b"\n"),
        500,
    ),
    Target(
        "checksums",
        _checksums,
        lambda: [_HASH + b"  patient001/s0010_re.hea\n" + _HASH + b" *./RECORDS\n"],
        (_HASH, b"  ", b" *", b"../", b"./", b"\x00", b"\n", b"patient001/", b"C:"),
        1500,
    ),
    Target(
        "registry",
        _registry,
        lambda: [Path("ekg/datasets/registry.toml").read_bytes()[:2500]],
        (b"[x]", b"addresses", b"https://", b"[[x.files]]", b"sha256", b"path", b'"'),
        2500,
    ),
    Target(
        "run_files",
        _run_files,
        _run_seeds,
        (*_CSV_TOKENS, b"{", b"}", b"[", b"]", b"null", b"NaN", b"[" * 900, b'"schema": 1'),
        3000,
    ),
    Target(
        "journal",
        _journal,
        lambda: [
            b'{"record": "A1", "images": []}\n{"record": "A2"}\n',
            b'{"path": "a", "size": 1, "mtime_ns": 2, "sha256": "x"}\n',
        ],
        (b'{"record": ', b"\n", b"}", b"1e999", b"null", b"[" * 900),
        1500,
    ),
)
