"""The page in a real browser, offline: what it reads, what it refuses, how it looks."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from ekg.images.png import write_png
from ekg.model.engines import open_engine
from ekg.predict.inputs import Input, expand
from ekg.predict.predictor import Predictor
from ekg.predict.saliency import empty_page, panel_of
from ekg.records.diagnoses import CLASSES
from ekg.records.record import LEADS, read_record
from ekg.simulator.record_files import SimulationSettings, simulate_folder
from tests.page import cases

pytestmark = pytest.mark.slow

NEAR = 1e-4  # between two engines, as for the export
RECORD_CASES = ("chest leads of another person", "a day", "a middle of an odd frame", "umlaut")
"""Of the table of cases; node runs them all."""
VIEWS = [
    (1200, 900, "light"),
    (390, 844, "light"),
    (320, 640, "dark"),
    (256, 500, "light"),
    (1200, 900, "dark"),
]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory, renderer):
    """Records, an image, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("inputs")
    simulate_folder(folder, 3, SimulationSettings(seed=9, classes=("RBBB", "AF", "STE")), jobs=1)
    names = sorted(path.stem for path in folder.glob("*.hea"))
    records = [[str(folder / f"{name}.hea"), str(folder / f"{name}.mat")] for name in names]
    signal = read_record(records[0][0]).signal
    image = folder / "strip.png"
    write_png(image, renderer.draw(signal[:, 300:1550]))
    colourful = folder / "colour.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (800, 800, 3), np.uint8)).save(
        colourful
    )
    small = folder / "small.png"
    Image.new("L", (300, 200), 255).save(small)
    blank = folder / "blank.png"
    Image.new("L", (800, 800), 255).save(blank)
    text = folder / f"letter{'_without_a_place_to_break_at' * 4}.png"
    text.write_text("not an image")
    return {
        "records": records,
        "picture": [str(image)],
        "bad": {
            "no header": [records[0][1]],
            "is missing": [records[0][0]],
            "2 headers": [records[0][0], records[1][0]],
            "has colours": [str(colourful)],
            "no millimetre grid was found": [str(small)],
            "not an image of the network's kind": [str(blank)],
            "is not a readable image or PDF": [str(text)],
        },
    }


@pytest.fixture(scope="session")
def case_files(inputs, renderer, tmp_path_factory):
    """The files of the cases that the browser is given, by name: all images, some records."""
    grey = renderer.draw(read_record(inputs["records"][0][0]).signal[:, 300:1550])
    files = {}
    for kind, given in cases.table().items():
        for case in given:
            folder = tmp_path_factory.mktemp("case")
            if kind == "pictures":
                made = cases.write_image(folder, grey, **case["make"])
            elif case["name"] in RECORD_CASES:
                made = cases.write_record(folder, **case["make"])
            else:
                continue
            files[case["name"]] = [str(file) for file in made]
    return files


@pytest.fixture(scope="session")
def visit(inputs, case_files, built_page, served, run_node, modules, chromium, tmp_path_factory):
    """One visit to the page, shared by all test processes."""
    common = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        common = common.parent
    kept = common / "visit.json"
    images = Path(os.environ.get("EKG_PAGE_SCREENSHOTS", common / "screenshots"))
    images.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{kept}.lock"):
        if not kept.is_file():
            address = served(built_page)
            given = {
                "modules": str(modules),
                "chromium": chromium,
                "url": address,
                "offline": True,
                "dropped": [inputs["records"][0]],
                "inputs": [*inputs["records"][1:], inputs["picture"], *inputs["bad"].values()],
                "cases": {
                    case["name"]: {
                        "files": case_files[case["name"]],
                        "from": case.get("from"),
                        "to": case.get("to"),
                    }
                    for case in [case for kind in cases.table().values() for case in kind]
                    if case["name"] in case_files
                },
                "examples": list(CLASSES),
                "screenshots": [
                    {
                        "path": str(images / f"page-{width}-{scheme}.png"),
                        "width": width,
                        "height": height,
                        "scheme": scheme,
                        "example": "RBBB",
                    }
                    for width, height, scheme in VIEWS
                ]
                + [
                    {
                        "path": str(images / "page-320-refusal.png"),
                        "width": 320,
                        "height": 640,
                        "scheme": "light",
                        "input": inputs["bad"]["is not a readable image or PDF"],
                    }
                ],
                "opened": (built_page / "index.html").as_uri(),
            }
            found = {**run_node("browse.mjs", given), "address": address}
            kept.write_text(json.dumps(found))
    return json.loads(kept.read_text())


@pytest.fixture(scope="session")
def python_road(model_path):
    """The same model in Python."""
    return Predictor(open_engine(model_path))


def test_a_dropped_record_gets_the_python_verdict(visit, inputs, python_road):
    for files, shown in zip(inputs["records"], visit["readings"], strict=False):
        (found,) = expand([files[0]])
        wanted = python_road.predict_input(found)
        assert shown["diagnosis"] == wanted.diagnosis
        assert shown["warnings"] == list(wanted.warnings)
        assert shown["probabilities"] == pytest.approx(wanted.probabilities, abs=NEAR)
        assert [s["start"] for s in shown["slices"]] == [s.start for s in wanted.slices]
        for page, python in zip(shown["slices"], wanted.slices, strict=True):
            expected = [python.probabilities[name] for name in CLASSES]
            assert page["probabilities"] == pytest.approx(expected, abs=NEAR)
            assert page["verdict"] == CLASSES[int(np.argmax(expected))]
        assert "Not for clinical use" in shown["status"]
        assert "\N{NO-BREAK SPACE}ms" in shown["timing"]
        assert shown["focus"] == "verdict"


def test_an_image_gets_the_python_verdict(visit, inputs, python_road):
    shown = visit["readings"][len(inputs["records"])]
    wanted = python_road.predict_image_file(inputs["picture"][0])
    assert shown["diagnosis"] == wanted.diagnosis
    assert shown["warnings"] == list(wanted.warnings)
    assert shown["probabilities"] == pytest.approx(wanted.probabilities, abs=NEAR)


def test_covering_a_lead_changes_what_it_changes_in_python(visit, inputs, python_road):
    shown = visit["readings"][0]
    _, images = python_road.images(read_record(inputs["records"][0][0]))
    table = python_road.engine.probabilities(images)
    target = int(table.mean(axis=0).argmax())
    surest = int(table[:, target].argmax())
    for index, lead in enumerate(LEADS):
        covered = images[surest].copy()
        covered[panel_of(index, 800)] = empty_page(800)[panel_of(index, 800)]
        without = python_road.engine.probabilities(covered[None])[0, target]
        assert shown["losses"][lead] == pytest.approx(table[surest, target] - without, abs=NEAR)


def test_wrong_files_are_refused_with_the_reason_and_no_verdict(visit, inputs):
    answers = visit["readings"][len(inputs["records"]) + 1 :]
    for words, shown in zip(inputs["bad"], answers, strict=True):
        assert words in shown.get("error", ""), shown
        assert shown["hidden"]


@pytest.mark.parametrize("case", cases.table()["pictures"], ids=lambda case: case["name"])
def test_a_image_is_read_or_refused_as_in_python(case, visit, case_files, python_road):
    (file,) = case_files[case["name"]]
    shown = visit["cases"][case["name"]]
    wanted = python_road.predict_input(Input(file, Path(file).stem, "image"))
    if "refused" in case:
        assert case["refused"] in wanted.error
        assert case["refused"] in shown["error"]
        return
    assert wanted.error is None
    assert shown["warnings"] == list(wanted.warnings)
    assert len(wanted.warnings) == len(case["warnings"])
    for words, warning in zip(case["warnings"], wanted.warnings, strict=True):
        assert words in warning
    assert shown["probabilities"] == pytest.approx(wanted.probabilities, abs=NEAR)


@pytest.mark.parametrize("name", RECORD_CASES)
def test_a_record_is_read_or_refused_as_in_python(name, visit, case_files, model_path):
    (case,) = [case for case in cases.table()["records"] if case["name"] == name]
    part = (case.get("from"), case.get("to"))
    predictor = Predictor(open_engine(model_path), part=part)
    wanted = predictor.predict_input(Input(case_files[name][0], name, "record"))
    shown = visit["cases"][name]
    if "refused" in case:
        assert case["refused"] in wanted.error
        assert case["refused"] in shown["error"]
        return
    assert shown["warnings"] == list(wanted.warnings)
    assert [s["start"] for s in shown["slices"]] == [s.start for s in wanted.slices]
    assert shown["probabilities"] == pytest.approx(wanted.probabilities, abs=NEAR)
    if part[0]:
        assert f"from {part[0]:.2f}" in shown["source"]


def test_every_built_in_example_is_read_by_keyboard(visit):
    assert set(visit["examples"]) == set(CLASSES)
    for name, shown in visit["examples"].items():
        assert f"simulated example of {name} " in shown["source"]
        assert sum(shown["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_nothing_comes_from_elsewhere_and_nothing_is_complained_about(visit):
    assert visit["requests"]
    assert all(address.startswith(visit["address"]) for address in visit["requests"])
    assert visit["said"] == []
    assert visit["isolated"]


def test_opened_as_a_file_it_says_that_it_must_be_served(visit):
    assert "opened as a file" in visit["opened"]
    assert "make serve" in visit["opened"]
    assert "Loading" not in visit["opened"]


def test_it_fits_phones_and_fingers(visit):
    assert len(visit["layouts"]) == len(VIEWS) + 1
    for layout in visit["layouts"]:
        assert layout["overflow"] <= 0
        assert layout["beyond"] == []
        assert layout["smallTargets"] == []


def test_every_golden_slice_is_drawn_and_read_as_in_python(
    shared, run_node, built_page, modules, model_path
):
    import pandas as pd

    if "published_model" not in str(model_path):
        pytest.skip("the golden logits belong to the published weights")
    golden = pd.read_csv(shared / "golden" / "golden.csv")
    headers = {path.stem: path for path in (shared / "real" / "cpsc2018").glob("*.hea")}
    groups = [(name, rows) for name, rows in golden.groupby("record", sort=False)]
    records = [
        {
            "files": [str(headers[name]), str(headers[name].with_suffix(".mat"))],
            "starts": rows["start"].tolist(),
        }
        for name, rows in groups
    ]
    given = {
        "page": str(built_page),
        "runtime": str(modules / "node_modules" / "onnxruntime-web"),
        "records": records,
    }
    found = run_node("compute.mjs", given)
    agreed = 0
    for (_, rows), page in zip(groups, found["records"], strict=True):
        assert page["sha256"] == rows["sha256"].tolist()
        said = [CLASSES[i] for i in np.argmax(page["probabilities"], axis=1)]
        agreed += sum(a == b for a, b in zip(said, rows["pred"], strict=True))
    print(f"{agreed} of {len(golden)} predictions agree; {found['milliseconds']}")
    assert agreed >= 0.99 * len(golden)
