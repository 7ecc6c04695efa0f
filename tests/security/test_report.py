"""The report is one file that loads nothing and runs nothing."""

import base64
import hashlib
import html.parser
import re

import numpy as np
import pytest

from ekg.files import write_json
from ekg.images.png import encode_png
from ekg.paper.output import PARTS_FOLDER
from ekg.paper.report import write_report
from ekg.paper.run_files import RunFiles

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(1)</script>'


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, and the style."""

    def __init__(self):
        super().__init__()
        self.tags, self.style = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, attributes))

    def handle_data(self, data):
        self.style += data if self.tags and self.tags[-1][0] == "style" else ""


@pytest.fixture
def report(tmp_path):
    run = tmp_path / "run"
    (run / PARTS_FOLDER).mkdir(parents=True)
    (run / "figures").mkdir()
    write_json(run / "metrics.json", {"schema": 1, "dataset": HOSTILE, "classes": ["AF"]})
    (run / "figures" / "f.png").write_bytes(encode_png(np.zeros((300, 200), np.uint8)))
    text = {"name": "f", "title": HOSTILE, "text": HOSTILE, "body": ""}
    items = [{"kind": "figure", **text}, {"kind": "note", **text}]
    write_json(run / PARTS_FOLDER / "extra_data.json", {"heading": HOSTILE, "items": items})
    return write_report(RunFiles(run), run).read_text(encoding="utf-8")


def test_nothing_remote_and_nothing_that_runs(report):
    page = Page()
    page.feed(report)
    assert {"figure", "img", "style", "section"} <= {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "form", "link", "base"}
        for name, value in attributes:
            assert not name.startswith("on") and name != "style", (tag, name)
            if name in {"src", "href", "srcset", "data", "action"}:
                assert value.startswith(("data:image/png;base64,", "#")), (tag, value[:80])
    assert not re.search(r"url\(|@import", page.style)


def test_the_policy_allows_the_style_that_is_there_and_no_other(report):
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', report)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    (css,) = re.findall(r"<style>(.*?)</style>", report, re.S)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert report.index("Content-Security-Policy") < report.index("<style>")
    (width,) = re.findall(r'<figure class="(w\d+)">', report)
    assert f".{width} {{ max-width: " in css
