import numpy as np
import pytest
import scipy.io
import wfdb

from ekg.errors import RecordError
from ekg.paths import natural_key
from ekg.records.record import LEADS, find_records, named_records, read_header, read_record

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


@pytest.mark.parametrize(
    ("micro", "encoding"),
    [
        ("\u00b5", "utf-8"),
        ("\u00b5", "utf-8-sig"),
        ("\u00b5", "latin-1"),
        ("\u00b5", "utf-16"),
        ("\u03bc", "utf-8"),
        ("\u03bc", "utf-16"),
    ],
)
def test_both_micro_signs_are_microvolts_in_every_encoding(make_record, micro, encoding):
    path = make_record(gain=f"1/{micro}V", signal=np.full((12, 2000), 1000), encoding=encoding)
    assert read_record(path).signal[3, 7] == pytest.approx(1.0)
    assert read_header(path).units[0] == f"{micro}V"


@pytest.mark.parametrize("unit", ["?V", "\ufffdV", "\u00e6V", "\u00c2\u00b5V", "\u00b5", "", "m"])
def test_a_unit_that_lost_characters_is_never_volts(make_record, unit):
    with pytest.raises(RecordError, match="lead I has unknown unit"):
        read_record(make_record(gain=f"1/{unit}"))


@pytest.mark.parametrize("gain", ["0/mV", "0.0(0)/mV", "-0/uV", "0e0/mV", "(5)/mV", "/mV", "0"])
def test_a_gain_of_zero_is_no_calibration(make_record, gain):
    with pytest.raises(RecordError, match=r"lead I: field `gain` is 0 or missing: the signal is"):
        read_record(make_record(gain=gain))


def test_a_signal_that_is_no_lead_may_lack_a_gain(make_record):
    path = make_record(leads=[*LEADS, "resp"])
    lines = path.read_text().splitlines()
    lines[13] = lines[13].replace("1000/mV", "0/l")
    path.write_text("\n".join(lines))
    assert read_record(path).signal.shape == (12, 5000)


@pytest.mark.parametrize("gain", ["1000,5/mV", "1000mV", "1e400/mV", "nan/mV", "I"])
def test_a_gain_that_is_no_number_is_named(make_record, gain):
    with pytest.raises(RecordError, match="signal 1: field `gain` is"):
        read_record(make_record(gain=gain))


def test_a_rate_is_read_as_written(make_record):
    signal = np.zeros((12, 2000))
    assert read_record(make_record(frequency="5e2", signal=signal)).header.sampling_frequency == 500
    with pytest.raises(RecordError, match="field `sampling frequency` is '500,5'"):
        read_record(make_record(frequency="500,5", signal=signal))


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


@pytest.mark.parametrize("prefix", ["MDC_ECG_LEAD_", "ECG_LEAD_", "Lead ", "ecg ", "EKG lead "])
def test_prefixed_names_are_these_very_leads(make_record, prefix):
    signal = np.arange(12)[:, None] * 100 + np.zeros((12, 2000))
    path = make_record(leads=[prefix + lead.upper() for lead in LEADS], signal=signal)
    assert read_record(path).signal[:, 0].tolist() == pytest.approx([i / 10 for i in range(12)])


def test_an_inverted_lead_is_not_the_lead(make_record):
    leads = [lead.replace("aVR", "Lead_-aVR").replace("V1", "Lead_-V1") for lead in LEADS]
    with pytest.raises(RecordError, match="V1 missing"):
        read_record(make_record(leads=leads))


@pytest.mark.parametrize("twin", ["I", "i", "MDC_ECG_LEAD_I", "Lead I"])
def test_two_signals_of_one_lead_are_refused(make_record, twin):
    with pytest.raises(RecordError, match=r"two signals are named I: the 1\. and the 2\."):
        read_record(make_record(leads=["I", twin, *LEADS[1:]]))


@pytest.mark.parametrize("absent", [("III", "aVR", "aVL", "aVF"), ("aVR",), ("III", "aVF")])
def test_limb_leads_are_computed_from_leads_one_and_two(make_record, absent):
    waves = {lead: 100 * np.arange(2000) % (701 + 10 * k) for k, lead in enumerate(LEADS)}
    one, two = waves["I"], waves["II"]
    expected = {
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
    }
    leads = [lead for lead in reversed(LEADS) if lead not in absent]
    record = read_record(make_record(leads=leads, signal=np.stack([waves[k] for k in leads])))
    for row, lead in enumerate(LEADS):
        wanted = expected[lead] if lead in absent else waves[lead]
        assert record.signal[row] == pytest.approx(wanted / 1000), lead
    (warning,) = record.warnings
    assert f"{', '.join(absent)} " in warning
    assert "computed from leads I and II" in warning


def test_other_leads_are_not_computed(make_record):
    with pytest.raises(RecordError, match="leads II, III, aVR, aVL, aVF missing"):
        read_record(make_record(leads=["I", *LEADS[6:]]))


def test_missing_leads_are_named(make_record):
    with pytest.raises(RecordError, match=r"leads V5, V6 missing \(the header has 10"):
        read_record(make_record(leads=LEADS[:10]))


def test_missing_signal_file(make_record):
    path = make_record()
    path.with_suffix(".mat").unlink()
    with pytest.raises(RecordError, match=r"A0001\.hea: signal file A0001\.mat is missing"):
        read_record(path)


MOVED = [
    ("A0001.MAT", "A0001.mat"),
    ("waves/A0001.mat", "A0001.mat"),
    ("C:\\data\\A0001.mat", "A0001.mat"),
    ("../elsewhere/A0001.mat", "A0001.mat"),
    ("A0001", "A0001.mat"),
    ("A0001.dat", "A0001.mat"),
    ("orig.mat", "A0001.mat"),
    ("pat 01.mat", "pat01.mat"),
    ("pat%2001.mat", "pat 01.mat"),
    ("M\u00fcller.mat", "Mu\u0308ller.mat"),
    ("a.b.c", "a.b.c.mat"),
]


@pytest.mark.parametrize(("named", "there"), MOVED)
def test_a_signal_file_of_another_name_is_read_where_its_checksums_fit(make_record, named, there):
    path = make_record(file_name=named, checksums=True)
    path.with_suffix(".mat").rename(path.with_name(there))
    record = read_record(path)
    assert record.signal.shape == (12, 5000)
    (warning,) = record.warnings
    assert repr(named) in warning
    assert f"{there} was read" in warning


@pytest.mark.parametrize(("named", "there"), MOVED)
def test_a_signal_file_of_another_name_is_refused_where_no_checksum_vouches(
    make_record, named, there
):
    path = make_record(file_name=named)
    path.with_suffix(".mat").rename(path.with_name(there))
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert f"{there} is here, but the header has no checksums" in str(caught.value)
    assert "fetch" not in str(caught.value)


def test_another_patients_file_is_refused_by_its_checksums(make_record, tmp_path):
    path = make_record(file_name="orig.mat", checksums=True)
    make_record("B0001", signal=np.full((12, 5000), 17))
    (tmp_path / "B0001.mat").replace(tmp_path / "A0001.mat")
    with pytest.raises(RecordError, match=r"A0001\.mat is here, but .* lead I do not match"):
        read_record(path)


def test_two_files_that_may_be_meant_are_both_named(make_record, tmp_path):
    path = make_record(file_name="waves/A0001.mat", checksums=True)
    (tmp_path / "A0001.DAT").write_bytes(path.with_suffix(".mat").read_bytes())
    with pytest.raises(RecordError, match=r"beside the header: A0001\.DAT, A0001\.mat\)"):
        read_record(path)


@pytest.mark.parametrize("name", ["a.b.c", "M\u00fcller_1", "pat 01", "x(1)", "y'z,1"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_names_with_any_characters_are_read(make_record, name, encoding):
    record = read_record(make_record(name, encoding=encoding))
    assert (record.name, record.signal.shape, record.warnings) == (name, (12, 5000), ())


def test_a_header_in_capitals_is_found(make_record):
    path = make_record()
    path.rename(path.with_suffix(".HEA"))
    assert read_record(path.with_suffix(".mat")).signal.shape == (12, 5000)


def test_a_record_line_with_a_folder_is_no_multi_segment_record(make_record):
    assert read_record(make_record(record_line_name="waves/12")).name == "A0001"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(130_000), "a MATLAB 5 file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(900), "a MATLAB 5 file"),
        (b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n", "a MATLAB 7.3"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200_000), "an HDF5 file"),
        (b"\x93NUMPY\x01\x00" + bytes(200_000), "a NumPy file"),
    ],
)
def test_a_signal_file_of_another_kind_is_named(make_record, content, kind):
    path = make_record()
    path.with_suffix(".mat").write_bytes(content)
    with pytest.raises(RecordError, match=rf"signal file A0001\.mat is {kind}.*format='4'"):
        read_record(path)


def test_matlab_files_that_the_header_does_not_fit_are_refused(make_record, tmp_path):
    path, values = make_record(), np.arange(60_000, dtype=np.int16).reshape(12, 5000)
    for content, words in [
        ({"ecgdata": values}, r"the samples begin at byte 28, the header says 24"),
        ({"val": values.astype(float)}, r"contains float64 numbers, the header says format 16"),
        ({"val": values.T}, r"has 5000 rows, the header says 12 signals"),
    ]:
        scipy.io.savemat(tmp_path / "A0001.mat", content, format="4")
        with pytest.raises(RecordError, match=words):
            read_record(path)
    scipy.io.savemat(tmp_path / "A0001.mat", {"val": values}, format="4")
    path.write_text(path.read_text().replace("16+24", "16"))
    with pytest.raises(RecordError, match=r"begin at byte 24, the header says 0; write 16\+24"):
        read_record(path)


def test_a_day_is_refused_by_its_length_and_a_part_of_it_is_read(tmp_path):
    lines = ["day 12 200 17280000"]
    lines += [f"day.dat 16 1000/mV 16 0 0 {7 * k} 0 {lead}" for k, lead in enumerate(LEADS)]
    (tmp_path / "day.hea").write_text("\n".join(lines))
    with pytest.raises(RecordError, match=r"24 h at 200 Hz.*at most 1,000,000 samples.*--from"):
        read_record(tmp_path / "day")
    with open(tmp_path / "day.dat", "wb") as stream:  # as long as promised, nearly all of it holes
        stream.truncate(17_280_000 * 24)
        stream.seek(1000 * 24)
        stream.write(np.arange(12, dtype="<i2").tobytes() * 7)
    part = read_record(tmp_path / "day", begin=4.0, end=12.0)
    assert part.signal.shape == (12, 4000)
    assert np.abs(part.signal[11]).max() > 0.005
    assert np.abs(read_record(tmp_path / "day", begin=60, end=70).signal).max() == 0


@pytest.mark.parametrize(("begin", "end"), [(5, 5), (20, 30), (-1, 2), (3, 1)])
def test_a_part_that_is_not_there_is_refused(make_record, begin, end):
    with pytest.raises(RecordError, match=r"nothing from .* it lasts 10 s"):
        read_record(make_record(), begin=begin, end=end)


def test_a_part_is_that_part_and_its_checksums_are_those_of_the_whole(make_record):
    path = make_record(checksums=True)
    assert np.array_equal(
        read_record(path, begin=2, end=5.5).signal, read_record(path).signal[:, 1000:2750]
    )
    content = bytearray(path.with_suffix(".mat").read_bytes())
    content[-1] ^= 1
    path.with_suffix(".mat").write_bytes(content)
    with pytest.raises(RecordError, match="lead V6 do not match the header's checksum"):
        read_record(path, begin=2, end=5.5)


@pytest.mark.parametrize("keep", [0, 10, 24, 60_000])
def test_truncated_signal_file(make_record, keep):
    path = make_record()
    signal_file = path.with_suffix(".mat")
    signal_file.write_bytes(signal_file.read_bytes()[:keep])
    with pytest.raises(RecordError, match=r"A0001\.mat has \d+ bytes, the header declares 120024"):
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
    with pytest.raises(RecordError, match="folder not found"):
        find_records(tmp_path / "nowhere")
    with pytest.raises(RecordError, match="no WFDB header"):
        find_records(tmp_path)


def test_records_of_one_name_are_told_apart_by_their_folders(tmp_path, make_record):
    text = make_record("A1").read_text()
    make_record("A2")
    for folder in ("p1/ecg", "p2"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "A1.hea").write_text(text)
    named = named_records(tmp_path)
    assert list(named) == ["A1", "A2", "p1_ecg_A1", "p2_A1"]
    assert named["p1_ecg_A1"] == tmp_path / "p1" / "ecg" / "A1.hea"
    (tmp_path / "p2_A1.hea").write_text(text)
    with pytest.raises(RecordError, match="two records would be named p2_A1"):
        named_records(tmp_path)


def test_links_to_folders_are_followed_and_loops_end(tmp_path, make_record):
    disk, data = tmp_path / "disk", tmp_path / "data"
    for folder in (disk / "inner", data / "own"):
        folder.mkdir(parents=True)
    for name, folder in (("A1", disk), ("A2", disk / "inner"), ("A3", data / "own")):
        make_record(name).rename(folder / f"{name}.hea")
    (data / "linked").symlink_to(disk)
    (data / "again").symlink_to(disk)
    (data / "own" / "up").symlink_to(data)
    (disk / "inner" / "loop").symlink_to(disk)
    found = find_records(data)
    assert [path.relative_to(data).as_posix() for path in found] == [
        "again/A1.hea",
        "again/inner/A2.hea",
        "own/A3.hea",
    ]
    make_record("A4").rename(data / "A4.HEA")
    assert "A4.HEA" in [path.name for path in find_records(data)]


@pytest.mark.parametrize("name", ["disk2", "A9.hea"])
def test_a_link_that_leads_nowhere_is_no_silence(tmp_path, make_record, name):
    make_record("A1")
    (tmp_path / name).symlink_to(tmp_path / "not mounted")
    with pytest.raises(RecordError, match=rf"{name}: is a broken link"):
        find_records(tmp_path)


def test_header_alone(make_record):
    header = read_header(make_record(comments=("Age: 74", " Dx: RBBB,AF")))
    assert header.diagnoses == ("RBBB", "AF")
    assert header.leads == LEADS
    assert (header.sampling_frequency, header.n_samples) == (500, 5000)
    with pytest.raises(RecordError, match="header file not found"):
        read_header("nowhere/A1")
