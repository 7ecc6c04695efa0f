import numpy as np
import pytest
import wfdb

from ekg.errors import RecordError
from ekg.waveform.records import LEADS, find_records, natural_key, read_header, read_record

REAL_RECORDS = {"cpsc2018": 90, "challenge2021": 76, "ptbxl": 90, "ptbdb": 3}


@pytest.mark.parametrize("source", REAL_RECORDS)
def test_every_real_record_loads(shared, source):
    headers = find_records(shared / "real" / source)
    assert len(headers) == REAL_RECORDS[source]
    for path in headers:
        record = read_record(path)
        header = record.header
        assert record.signal.shape[0] == 12
        seconds = header.n_samples / header.sampling_frequency
        assert record.signal.shape[1] == pytest.approx(seconds * 500, abs=1)
        assert np.isfinite(record.signal).all()
        assert 0.05 < np.abs(record.signal).max() < 40  # millivolts, not raw units
        if source != "ptbxl":
            assert header.diagnoses or source == "ptbdb"


def test_real_records_obey_einthoven(shared):
    record = read_record(shared / "real" / "cpsc2018" / "A0001")
    first, second, third = record.signal[:3]
    assert np.abs(first + third - second).max() < 0.01


def test_signal_is_that_of_wfdb(shared):
    path = shared / "real" / "cpsc2018" / "A0001"
    expected = wfdb.rdrecord(str(path)).p_signal.T
    assert np.array_equal(read_record(path).signal, expected)


def test_names_with_and_without_extension(make_record):
    path = make_record()
    expected = read_record(path).signal
    for given in (path.with_suffix(""), path.with_suffix(".mat"), str(path)):
        assert np.array_equal(read_record(given).signal, expected)


@pytest.mark.parametrize("suffix", [".mat", ".dat", ".hea"])
def test_record_name_ending_in_an_extension_is_read(make_record, suffix):
    path = make_record(record_line_name=f"A0001{suffix}")
    record = read_record(path)
    assert record.name == "A0001"
    assert record.signal.shape == (12, 5000)
    assert record.diagnoses == ("AF",)


def test_leads_in_any_order_and_letter_case_extra_ones_ignored(make_record):
    signal = np.arange(14)[:, None] * 100 + np.zeros((14, 2000))
    leads = ["VX", *[lead.upper() for lead in reversed(LEADS)], "resp"]
    record = read_record(make_record(leads=leads, signal=signal))
    assert record.signal[:, 0].tolist() == pytest.approx([(12 - i) / 10 for i in range(12)])


@pytest.mark.parametrize(
    ("gain", "scale"),
    [("1000/mV", 1), ("1000/mv", 1), ("1/uV", 1), ("1/UV", 1), ("500(100)/mV", 2)],
)
def test_gain_baseline_and_units(make_record, gain, scale):
    record = read_record(make_record(gain=gain, signal=np.full((12, 2000), 1000)))
    offset = 0.2 if "(100)" in gain else 0
    assert record.signal[3, 7] == pytest.approx(scale - offset)


def test_unknown_unit_is_refused(make_record):
    with pytest.raises(RecordError, match=r"A0001\.hea: lead I has unknown unit 'mmHg'"):
        read_record(make_record(gain="10/mmHg"))


@pytest.mark.parametrize("frequency", [100, 250, 257, 360, 1000])
def test_any_rate_is_resampled(make_record, frequency):
    times = np.arange(10 * frequency) / frequency
    signal = np.tile(1000 * np.sin(2 * np.pi * 5 * times) + 300, (12, 1))
    record = read_record(make_record(frequency=frequency, signal=signal))
    assert record.sampling_frequency == 500
    assert record.signal.shape[1] == pytest.approx(5000, abs=1)
    expected = np.sin(2 * np.pi * 5 * np.arange(record.signal.shape[1]) / 500) + 0.3
    inner = slice(250, -250)
    assert np.abs(record.signal[0] - expected)[inner].max() < 0.01


def test_a_single_sample_is_resampled_to_itself(make_record):
    record = read_record(make_record(frequency=250, signal=np.full((12, 1), 700)))
    assert record.signal.shape == (12, 2)
    assert np.isfinite(record.signal).all()


def test_missing_leads_are_named(make_record):
    with pytest.raises(RecordError, match=r"leads V5, V6 missing \(the header has 10"):
        read_record(make_record(leads=LEADS[:10]))


def test_missing_signal_file(make_record):
    path = make_record()
    path.with_suffix(".mat").unlink()
    with pytest.raises(RecordError, match=r"A0001\.hea: signal file A0001\.mat is missing"):
        read_record(path)


@pytest.mark.parametrize("keep", [0, 10, 24, 60_000])
def test_truncated_signal_file(make_record, keep):
    path = make_record()
    signal_file = path.with_suffix(".mat")
    signal_file.write_bytes(signal_file.read_bytes()[:keep])
    with pytest.raises(RecordError, match=r"A0001\.mat has \d+ bytes, the header promises 120024"):
        read_record(path)


def test_samples_that_are_not_numbers(make_record):
    signal = np.zeros((12, 2000))
    signal[6, 10:15] = -32768  # how format 16 writes a missing sample
    with pytest.raises(RecordError, match="lead V1 has 5 samples that are not numbers"):
        read_record(make_record(signal=signal))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "A0001\n",
        "A0001 twelve 500 5000\n",
        "A0001 12 500 5000\n",
        "A0001 12 0 5000\nA0001.mat 16 1000/mV 16 0 0 0 0 I\n",
        "A0001 1 500 -5\nA0001.mat 16 1000/mV 16 0 0 0 0 I\n",
        "A0001/3 12 500 5000\na 2000\nb 2000\nc 1000\n",
        "A0001 99999999 500 5000\n",
        "\x00\x01\x02",
    ],
)
def test_damaged_headers_give_one_clear_line(tmp_path, text):
    path = tmp_path / "A0001.hea"
    path.write_text(text)
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert "A0001.hea" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_header(tmp_path):
    path = tmp_path / "A0001.hea"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(RecordError):
        read_record(path)


@pytest.mark.parametrize("name", ["../secret.mat", "/etc/passwd", "folder/x.mat"])
def test_a_header_cannot_lead_out_of_its_folder(make_record, name):
    with pytest.raises(RecordError, match=r"invalid syntax in signal line|is not a plain name"):
        read_record(make_record(file_name=name))


def test_find_records_in_natural_order(tmp_path, make_record):
    (tmp_path / "g2").mkdir()
    for name in ("A10", "A2", "B1"):
        make_record(name)
    assert [path.stem for path in find_records(tmp_path)] == ["A2", "A10", "B1"]
    assert natural_key("A2") < natural_key("A10") < natural_key("A10b") < natural_key("B1")


def test_folders_without_records(tmp_path):
    with pytest.raises(RecordError, match="no such folder"):
        find_records(tmp_path / "nowhere")
    with pytest.raises(RecordError, match="no WFDB header"):
        find_records(tmp_path)


def test_two_records_of_one_name_are_refused(tmp_path, make_record):
    path = make_record("A1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "A1.hea").write_text(path.read_text())
    with pytest.raises(RecordError, match="two records are named A1"):
        find_records(tmp_path)


def test_header_alone(make_record):
    header = read_header(make_record(comments=("Age: 74", " Dx: RBBB,AF")))
    assert header.diagnoses == ("RBBB", "AF")
    assert header.leads == LEADS
    assert (header.sampling_frequency, header.n_samples) == (500, 5000)
    with pytest.raises(RecordError, match="no such header file"):
        read_header("nowhere/A1")
