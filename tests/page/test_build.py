"""The page's sources, and what building refuses."""

import itertools
import json
import re

import pytest

from ekg.records.header_checks import MAX_SAMPLES
from ekg.records.record import LEADS
from page import PageError
from page.assets import rules_description
from page.build import build_page, write_rules

COLOURS = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
ON = [
    ("text", "background"),
    ("text", "surface"),
    ("quiet", "surface"),
    ("accent", "surface"),
    ("accent", "background"),
    ("on-accent", "accent"),
    ("warning-text", "warning-back"),
    ("trace", "paper"),
]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_has_the_contrast_of_wcag_aa_in_light_and_dark(root):
    style = (root / "page" / "style.css").read_text()
    light_part, dark_part = style.split("@media (prefers-color-scheme: dark)")
    light = dict(COLOURS.findall(light_part))
    dark = dict(COLOURS.findall(dark_part.split("\n}\n")[0]))
    assert set(light) == set(dark)
    for colours, (text, ground) in itertools.product((light, dark), ON):
        bright, dim = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (text, ground)
    for colours in (light, dark):  # borders of controls and the ring around the focus
        for part in ("line", "gain"):
            pair = sorted((luminance(colours[part]), luminance(colours["surface"])), reverse=True)
            assert (pair[0] + 0.05) / (pair[1] + 0.05) >= 3, part


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(root):
    html = (root / "page" / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", html)
    for path in [*(root / "page").glob("*.*ml"), *(root / "page" / "src").rglob("*.js")]:
        text = path.read_text()
        assert not re.search(r"https?://|wss?://|//cdn|sendBeacon|XMLHttpRequest", text), path
    for path in (root / "page").glob("*.css"):
        assert not re.search(r"url\(|@import", path.read_text())


def test_the_packages_are_pinned_and_name_no_registry_of_their_own(root):
    lock = json.loads((root / "page" / "package-lock.json").read_text())
    asked = json.loads((root / "page" / "package.json").read_text())
    wanted = {**asked["dependencies"], **asked["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, package in lock["packages"].items():
        if name:
            assert "integrity" in package
            address = package.get("resolved", "https://registry.npmjs.org/")
            assert address.startswith("https://registry.npmjs.org/")


def test_the_page_gets_its_rules_from_python_and_has_none_of_its_own(root, tmp_path):
    write_rules(tmp_path)
    written = (tmp_path / "rules.js").read_text(encoding="utf-8")
    rules = json.loads(written.removeprefix("export default ").removesuffix(";\n"))
    assert rules == json.loads(json.dumps(rules_description()))
    assert tuple(rules["leads"]) == LEADS
    assert rules["mostSamples"] == MAX_SAMPLES
    for path in (root / "page" / "src").rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"\brules\.(?!js\b)(\w+)", text))
        assert used <= set(rules), path
        assert not re.search(r"\baVR\b|microvolt|MATLAB 5|1_?000_?000", text), path


def test_a_missing_runtime_is_named_with_the_remedy(tmp_path):
    with pytest.raises(PageError, match=r"onnxruntime-web is not installed.*npm ci"):
        build_page("runs/none", tmp_path / "out", tmp_path)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    from page.build import PDF_FILES, PDF_FOLDER, RUNTIME_FILES, RUNTIME_FOLDER

    for folder, names in (
        (RUNTIME_FOLDER / "dist", RUNTIME_FILES),
        (PDF_FOLDER / "build", PDF_FILES),
    ):
        (tmp_path / "page" / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / "page" / folder / name).touch()
    out = tmp_path / "out"
    out.mkdir()
    (out / "diary.txt").write_text("mine")
    with pytest.raises(PageError, match="not of a built page"):
        build_page("runs/none", out, tmp_path / "page")
    assert (out / "diary.txt").read_text() == "mine"
