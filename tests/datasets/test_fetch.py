"""One file over a line that fails in every way a line can fail."""

import dataclasses
import hashlib
import itertools
import threading
import time

import pytest

from ekg.datasets.fetch import Fetcher, HttpSettings, StoppedError
from ekg.errors import DownloadError

BODY = hashlib.shake_256(b"a record").digest(100_000)
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def fetch(server, settings, tmp_path):
    """Fetch `record.mat`; give the bytes that were counted."""
    server.files["record.mat"] = BODY
    target = tmp_path / "folder" / "record.mat"

    def run(*urls, sha256=SHA, limits=settings, stop=None):
        counted = []
        with Fetcher(limits, counted.append, stop) as fetcher:
            fetcher.fetch(urls or [server.address + "record.mat"], target, sha256)
        assert target.read_bytes() == BODY
        assert list(target.parent.iterdir()) == [target]
        return sum(counted)

    run.target = target
    return run


def test_plain(fetch, server):
    assert fetch() == len(BODY)
    assert len(server.requests) == 1
    assert server.headers[0]["Accept-Encoding"] == "identity"
    assert "ekg/" in server.headers[0]["User-Agent"]


def test_no_credentials_are_sent(fetch, server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fetch()
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("sha256", [SHA, None])
def test_a_dropped_file_is_fetched_again(fetch, server, sha256):
    server.fail("record.mat", ("cut", 30_000), ("cut", 60_000), ("cut", 1))
    assert fetch(sha256=sha256) == len(BODY)
    assert len(server.requests) == 4


def test_goes_on_after_stalls(fetch, server, settings):
    server.fail("record.mat", ("stall", 5_000, 0.6), ("stall", 0, 0.6))
    assert fetch(limits=dataclasses.replace(settings, read_timeout=0.3)) == len(BODY)
    assert len(server.requests) == 3


def test_server_that_drips_is_left(fetch, server, settings):
    server.fail("record.mat", ("drip", 100, 0.05))
    began = time.monotonic()
    assert fetch(limits=dataclasses.replace(settings, read_timeout=0.3)) == len(BODY)
    assert time.monotonic() - began < 4


def test_hang_up_without_an_answer(fetch, server):
    server.fail("record.mat", ("hang up",), ("hang up",))
    assert fetch() == len(BODY)


def test_gives_up_after_attempts_without_progress(fetch, server, settings):
    server.fail("record.mat", ("cut", 10), *[("hang up",)] * 50)
    with pytest.raises(DownloadError, match=r"cannot be fetched from 127.*4 attempts"):
        fetch()
    assert len(server.requests) == settings.attempts
    assert not list(fetch.target.parent.iterdir())


def test_corrupt_once_is_fetched_again(fetch, server):
    server.fail("record.mat", ("corrupt",))
    assert fetch() == len(BODY)
    assert len(server.requests) == 2


def test_corrupt_twice_is_refused_with_both_values(fetch, server):
    server.fail("record.mat", ("corrupt",), ("corrupt",))
    wrong = hashlib.sha256(bytes([BODY[0] ^ 1]) + BODY[1:]).hexdigest()
    with pytest.raises(DownloadError, match="refused") as refusal:
        fetch()
    assert SHA in str(refusal.value) and wrong in str(refusal.value)
    assert not fetch.target.exists()
    assert len(server.requests) == 2


def test_server_announces_more_than_there_is(fetch, server):
    server.fail("record.mat", ("lie", 50))
    fetch()
    assert len(server.requests) == 1


def test_server_announces_less_than_there_is(fetch, server):
    server.fail("record.mat", ("lie", -50), ("lie", -50))
    with pytest.raises(DownloadError, match="refused"):
        fetch()
    fetch()  # an honest answer later


def test_no_length_announced(fetch, server):
    server.fail("record.mat", ("no length",))
    assert fetch() == len(BODY)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_server_is_asked_again(fetch, server, status):
    server.fail("record.mat", ("status", status), ("status", status))
    fetch()
    assert len(server.requests) == 3


def test_retry_after_is_honoured(fetch, server):
    server.fail("record.mat", ("status", 429, {"Retry-After": "1"}))
    fetch(limits=HttpSettings(pause=0.01, longest_pause=1.0))
    first, second = (moment for _, moment in server.requests)
    assert 0.95 <= second - first < 3


def test_retry_after_as_a_date_long_gone(fetch, server):
    date = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    server.fail("record.mat", ("status", 503, date))
    fetch()


def test_longest_pause_bounds_retry_after(fetch, server):
    server.fail("record.mat", ("status", 503, {"Retry-After": "86400"}))
    began = time.monotonic()
    fetch()
    assert 0.4 <= time.monotonic() - began < 3


def test_pauses_grow(server, tmp_path):
    limits = HttpSettings(pause=0.05, attempts=4)
    server.fail("record.mat", *[("status", 503)] * 9)
    with Fetcher(limits) as fetcher, pytest.raises(DownloadError, match="503"):
        fetcher.fetch([server.address + "record.mat"], tmp_path / "x", SHA)
    moments = [moment for _, moment in server.requests]
    gaps = [b - a for a, b in itertools.pairwise(moments)]
    # 0.05, 0.1, 0.2 s, each times 0.5 to 1.5.
    assert gaps[0] >= 0.025 and gaps[1] >= 0.05 and gaps[2] >= 0.1


def test_missing_file(fetch, server):
    with pytest.raises(DownloadError, match=r"HTTP status 404.*--from-url"):
        fetch(server.address + "nothing.mat")
    assert len(server.requests) == 1


def test_mirrors_in_turn(fetch, server, mirror):
    mirror.files["record.mat"] = BODY
    fetch(server.address + "nothing.mat", mirror.address + "record.mat")
    assert server.asked() == {"nothing.mat": 1} and mirror.asked() == {"record.mat": 1}


def test_mirror_is_used_while_the_first_asks_for_a_pause(fetch, server, mirror):
    mirror.files["record.mat"] = BODY
    server.fail("record.mat", ("status", 429, {"Retry-After": "60"}))
    began = time.monotonic()
    fetch(
        server.address + "record.mat",
        mirror.address + "record.mat",
        limits=HttpSettings(longest_pause=60),
    )
    assert time.monotonic() - began < 5


def test_corrupt_mirror_is_not_asked_twice(fetch, server, mirror):
    mirror.files["record.mat"] = BODY
    server.fail("record.mat", ("corrupt",), ("corrupt",))
    fetch(server.address + "record.mat", mirror.address + "record.mat")
    assert len(server.requests) == 1 and len(mirror.requests) == 1


def test_redirect(fetch, server):
    server.files["moved.mat"] = BODY
    server.fail("record.mat", ("redirect", "/moved.mat"))
    fetch()


@pytest.mark.parametrize(
    "target",
    [
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://example.org/x",
        "https://me:pw@example.org",
    ],
)
def test_redirect_to_another_scheme_is_refused(fetch, server, target):
    server.fail("record.mat", ("redirect", target))
    with pytest.raises(DownloadError, match="redirects to") as refusal:
        fetch()
    assert "pw" not in str(refusal.value)


def test_endless_redirects_are_refused(fetch, server):
    server.fail("record.mat", *[("redirect", "/record.mat")] * 20)
    with pytest.raises(DownloadError, match="redirects more than 5 times"):
        fetch()


def test_compressed_answer_is_refused(fetch, server):
    server.fail("record.mat", ("gzip",))
    with pytest.raises(DownloadError, match="compressed"):
        fetch()


@pytest.mark.parametrize("fault", ["none", "no length"])
def test_size_limit(fetch, server, fault):
    server.fail("record.mat", (fault,))
    with pytest.raises(DownloadError, match="99999"):
        fetch(limits=HttpSettings(max_bytes=99_999))


def test_stop_ends_a_pause_and_leaves_nothing(fetch, server):
    stop = threading.Event()
    server.fail("record.mat", ("cut", 40_000), ("status", 503, {"Retry-After": "60"}))
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StoppedError):
        fetch(stop=stop, limits=HttpSettings(pause=0.01))
    assert not fetch.target.exists()


def test_empty_file(server, settings, tmp_path):
    server.files["empty"] = b""
    with Fetcher(settings) as fetcher:
        fetcher.fetch([server.address + "empty"], tmp_path / "empty", hashlib.sha256().hexdigest())
    assert (tmp_path / "empty").read_bytes() == b""


def test_nobody_answers(tmp_path, settings, server):
    address = server.address
    server.close()
    with Fetcher(settings) as fetcher, pytest.raises(DownloadError, match="refused"):
        fetcher.fetch([address + "x"], tmp_path / "x", SHA)
