"""What the page may do: its policy, its address, and that its own files need no more."""

import html.parser
import re

import pytest

from page.server import ADDRESS, HEADERS, make_server


def test_the_server_listens_to_this_machine_alone(tmp_path):
    for name in ("page.json", "index.html"):
        (tmp_path / name).touch()
    with make_server(tmp_path, 0) as server:
        assert server.server_address[0] == ADDRESS == "127.0.0.1"


def test_the_policy_begins_with_nothing_and_allows_what_is_its_own():
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert {policy[name] for name in policy if name.endswith("-src")} - {
        policy["script-src"],
        "'none'",
        "'self'",
    } == set()
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Referrer-Policy"] == "no-referrer"


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def test_the_pages_html_has_no_inline_code_or_style_and_loads_nothing_remote(root):
    text = (root / "page" / "index.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert any(tag == "script" for tag, _ in page.tags)
    for tag, attributes in page.tags:
        assert tag != "style" and "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "script":
            assert attributes.get("src")
        if tag in {"script", "link", "img"}:
            assert not re.match(r"(?i)[a-z]+:|//", attributes.get("src") or attributes["href"])
    assert not re.search(r"<script[^>]*>[^<\s]", text)


MAKES_CODE = (
    r"\beval\(",
    r"new Function\(",
    r"\.innerHTML\b",
    r"\.outerHTML\b",
    "importScripts",
    "insertAdjacentHTML",
    r"document\.write",
    r"set(Timeout|Interval)\(['\"]",
)


@pytest.mark.parametrize("word", MAKES_CODE)
def test_the_pages_own_code_makes_no_code_or_markup_of_text(root, word):
    files = [path for path in (root / "page").rglob("*.*js") if "node_modules" not in path.parts]
    assert files
    for path in files:
        assert not re.search(word, path.read_text(encoding="utf-8")), path
