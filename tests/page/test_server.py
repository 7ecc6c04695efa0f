"""The small server: safe headers, this machine alone, no lists of files."""

import http.client
import urllib.request
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from page import PageError
from page.server import CONTENT_SECURITY_POLICY, make_server


@pytest.fixture
def site(tmp_path, served):
    folder = tmp_path / "site"
    (folder / "src").mkdir(parents=True)
    (folder / "page.json").write_text("{}")
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "src" / "app.mjs").write_text("export {};")
    (folder / "a.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    return served(folder)


def test_files_come_with_their_type_and_safe_headers(site):
    kinds = {"": "text/html", "src/app.mjs": "text/javascript", "a.wasm": "application/wasm"}
    for path, kind in kinds.items():
        with urllib.request.urlopen(site + path) as answer:
            assert answer.headers["Content-Type"].startswith(kind)
            assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "unsafe-inline" not in CONTENT_SECURITY_POLICY
    assert "'unsafe-eval'" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", ["src/", "../secret.txt", "%2e%2e/secret.txt", "nothing.html"])
def test_no_list_and_nothing_outside_the_folder(site, path):
    connection = http.client.HTTPConnection(urlsplit(site).netloc)
    connection.request("GET", f"/{path}")
    answer = connection.getresponse()
    assert answer.status == 404
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert b"secret" not in answer.read().replace(b"secret.txt", b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.0.5", "[bad"])
def test_a_request_under_another_name_is_refused(site, host):
    request = urllib.request.Request(site, headers={"Host": host})
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_writing_is_not_served(site):
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(site, data=b"x", method="POST"))
    assert refused.value.code == 501


def test_a_taken_port_and_a_missing_page_are_named(tmp_path):
    with pytest.raises(PageError, match="contains no built page"):
        make_server(tmp_path, 0)
    for name in ("page.json", "index.html"):
        (tmp_path / name).touch()
    with make_server(tmp_path, 0) as server, pytest.raises(PageError, match="is not available"):
        make_server(tmp_path, server.server_address[1])
    with pytest.raises(PageError, match="not one of 0 to 65535"):
        make_server(tmp_path, 70_000)
