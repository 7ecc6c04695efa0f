"""Files of other machines, written here from their descriptions, give their twelve leads."""

import struct

import numpy as np
import pytest

import ekg
from campaigns.fuzzing import format_files
from ekg.errors import RecordError
from ekg.records.formats.reading import open_recording
from ekg.records.formats.sniff import format_of
from ekg.records.opening import named_records, read_header, read_record
from ekg.records.quality import warnings_of
from ekg.records.record import LEADS

NAMES = (
    "dicom.dcm",
    "plain.scp",
    "huffman.scp",
    "aecg.xml",
    "muse.xml",
    "sierra103.xml",
    "sierra104.xml",
    "schiller.xml",
    "edf.edf",
    "bdf.bdf",
    "ishne.ecg",
    "mfer.mwf",
)
FORMATS = {
    "dicom.dcm": "DICOM",
    "plain.scp": "SCP-ECG",
    "huffman.scp": "SCP-ECG",
    "aecg.xml": "HL7 aECG",
    "muse.xml": "GE MUSE XML",
    "sierra103.xml": "Philips Sierra XML",
    "sierra104.xml": "Philips Sierra XML",
    "schiller.xml": "Schiller XML",
    "edf.edf": "EDF",
    "bdf.bdf": "BDF",
    "ishne.ecg": "ISHNE Holter",
    "mfer.mwf": "MFER",
}
EIGHT_LEADS = {"huffman.scp", "muse.xml"}


def test_every_format_has_its_file(every_file):
    assert set(every_file) == set(NAMES) == set(FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_the_leads_are_read_to_the_last_step(every_file, write, name):
    record = ekg.read_record(write(every_file[name], name))
    assert record.header.format == FORMATS[name]
    assert record.header.sampling_frequency == format_files.RATE
    assert record.signal == pytest.approx(format_files.millivolts(), abs=1e-12)
    assert bool(record.warnings) == (name in EIGHT_LEADS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other_name", ["record", "record.png", "record.csv", "record.hea.txt"])
def test_the_suffix_says_nothing(every_file, write, name, other_name):
    record = read_record(write(every_file[name], other_name))
    assert record.header.format == FORMATS[name]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_patient_is_in_the_record(every_file, write, name):
    path = write(every_file[name], "record")
    record = read_record(path)
    said = repr(record.header) + repr(record.warnings) + repr(warnings_of(record))
    for word in (*format_files.PERSON, "1961"):
        assert word not in said


@pytest.mark.parametrize("name", sorted(EIGHT_LEADS))
def test_eight_leads_give_twelve_and_say_so(every_file, write, name):
    record = read_record(write(every_file[name], name))
    first, second, third, right, left, foot = record.signal[:6]
    assert np.allclose(third, second - first, atol=1e-12)
    assert np.allclose(right, -(first + second) / 2, atol=1e-12)
    assert np.allclose(left, first - second / 2, atol=1e-12)
    assert np.allclose(foot, second - first / 2, atol=1e-12)
    assert "computed from leads I and II" in warnings_of(record)[0]


def test_a_missing_chest_lead_is_refused(write):
    leads = LEADS[:11]
    path = write(format_files.aecg(format_files.counts(leads=leads), leads))
    with pytest.raises(RecordError, match="lead V6 missing"):
        read_record(path)


def test_a_lead_that_comes_twice_is_refused(write):
    leads = [*LEADS, "II"]
    values = np.vstack([format_files.counts(), format_files.counts()[:1]])
    for content in (format_files.aecg(values, leads), format_files.edf(values, leads)):
        with pytest.raises(RecordError, match="lead II is a duplicate"):
            read_record(write(content))


def test_an_inverted_or_unknown_lead_is_no_lead(write):
    leads = [*LEADS, "X", "-V1", "ECG -V1"]
    values = np.vstack([format_files.counts(), -format_files.counts()[:3]])
    record = read_record(write(format_files.edf(values, leads)))
    assert record.signal == pytest.approx(format_files.millivolts(), abs=1e-12)
    inverted = [lead.replace("V1", "-V1") for lead in LEADS]
    with pytest.raises(RecordError, match="lead V1 missing"):
        read_record(write(format_files.edf(format_files.counts(), inverted)))


def test_a_part_of_a_recording_is_read(every_file, write):
    path = write(every_file["ishne.ecg"])
    whole, part = read_record(path), read_record(path, begin=0.5, end=2.0)
    assert np.array_equal(part.signal, whole.signal[:, 250:1000])
    assert part.gains == (400.0,) * 12


@pytest.mark.parametrize("name", ["dicom.dcm", "aecg.xml", "muse.xml", "schiller.xml"])
def test_median_beats_are_not_the_rhythm(every_file, write, name):
    assert read_record(write(every_file[name])).signal.shape == (12, 1300)


def test_a_derived_group_before_the_rhythm_is_passed_over(write):
    path = write(format_files.dicom(format_files.counts(), median_first=True))
    assert read_record(path).signal == pytest.approx(format_files.millivolts())


def test_a_padding_value_that_the_signal_passes_through_marks_nothing(write):
    values = format_files.counts()
    assert (values == 0).any()
    record = read_record(write(format_files.dicom(values, padding=0)))
    assert record.signal == pytest.approx(format_files.millivolts())


def test_padding_at_the_end_is_cut_off_and_in_the_middle_refused(write):
    values = format_files.counts()
    values[:, -200:] = -32768
    record = read_record(write(format_files.dicom(values, padding=-32768)))
    assert record.signal.shape == (12, 1100)
    assert "the last 0.40 s are missing samples in all leads and left out" in record.warnings
    values = format_files.counts()
    values[3, 600:610] = -32768
    with pytest.raises(RecordError, match="lead aVR has 10 samples that are missing"):
        read_record(write(format_files.dicom(values, padding=-32768)))


@pytest.mark.parametrize("version", ["1.03", "1.04"])
def test_a_calibration_pulse_is_no_ekg(write, version):
    values = format_files.counts(1500)
    values[:, 1300:] = 0
    values[:, 1350:1450] = round(1000 / format_files.STEP)
    record = read_record(write(format_files.sierra(values, version=version)))
    assert record.signal == pytest.approx(format_files.millivolts())
    assert "the last 0.40 s are a calibration pulse in all leads and left out" in record.warnings


def test_zeros_at_both_ends_are_padding(write):
    values = format_files.counts(1700)
    values[:, :150] = values[:, -200:] = 0
    record = read_record(write(format_files.aecg(values)))
    assert record.signal.shape == (12, 1350)
    assert [note.split(" are ")[1] for note in record.warnings] == [
        "padding in all leads and left out"
    ] * 2


def test_a_stop_of_all_leads_is_noted(write):
    values = format_files.counts()
    values[:, 500:700] = values[:, 500:501]
    record = read_record(write(format_files.aecg(values)))
    (note,) = record.warnings
    assert note.startswith("no lead changes for  0.4")
    assert note.endswith("s on: samples are missing")


def test_saturated_leads_are_named(write):
    values = format_files.counts()
    values[6, 100:110] = 32767
    record = read_record(write(format_files.ishne(values)))
    assert "lead V1 reaches the limit of the converter (saturated)" in record.warnings


def test_lead_faults_of_ishne_are_missing_samples(write):
    values = format_files.counts()
    values[6, 100:110] = -32768
    with pytest.raises(RecordError, match="lead V1 has 10 samples that are missing"):
        read_record(write(format_files.ishne(values)))


def test_an_altered_ishne_header_is_noted(write):
    content = bytearray(format_files.ishne(format_files.counts()))
    content[30:36] = b"NOBODY"
    notes = read_record(write(bytes(content))).warnings
    assert any("checksum does not match" in note for note in notes)


def test_scp_that_counts_from_zero_is_read(write):
    content = format_files.scp(format_files.counts())
    sections = {
        number: content[begin + 16 : end]
        for number, (begin, end) in _sections_of(content).items()
        if number
    }
    leads = bytearray(sections[3])
    for number in range(12):
        struct.pack_into("<II", leads, 2 + 9 * number, 0, 1300)
    path = write(format_files.scp_of_sections({**sections, 3: bytes(leads)}))
    assert read_record(path).signal == pytest.approx(format_files.millivolts())


def _sections_of(content):
    from ekg.records.formats.corrections import _sections

    return _sections(content)


@pytest.mark.parametrize(("microseconds", "rate"), [(1667, 600.0), (1666, 1e6 / 1666), (2000, 500)])
def test_scp_rates_are_whole_where_the_interval_allows_it(write, microseconds, rate):
    content = format_files.scp(format_files.counts())
    sections = {
        number: content[begin + 16 : end]
        for number, (begin, end) in _sections_of(content).items()
        if number
    }
    sections[6] = sections[6][:2] + struct.pack("<H", microseconds) + sections[6][4:]
    header = read_header(write(format_files.scp_of_sections(sections)))
    assert header.sampling_frequency == pytest.approx(rate, abs=1e-12)


def test_aecg_rates_are_not_rounded(write):
    content = format_files.aecg(format_files.counts()).replace(b"'0.002'", b"'0.0039'")
    assert read_header(write(content)).sampling_frequency == pytest.approx(1 / 0.0039)


def test_continuous_edf_d_is_read_and_one_with_gaps_refused(write):
    values = format_files.counts()
    onsets = [0.2 * record for record in range(13)]
    path = write(format_files.edf(values, onsets=onsets))
    record = read_record(path)
    assert record.header.format == "EDF+"
    assert record.signal == pytest.approx(format_files.millivolts())
    onsets[5:] = [onset + 60 for onset in onsets[5:]]
    with pytest.raises(RecordError, match="discontinuous"):
        read_record(write(format_files.edf(values, onsets=onsets)))


def test_an_edf_in_an_unknown_unit_is_refused(write):
    content = format_files.edf(format_files.counts())
    with pytest.raises(RecordError, match="field `unit` of signal I is missing"):
        read_record(write(content.replace(b"mV      ", b"mmHg    ")))


@pytest.mark.parametrize("field", [b'resolution="2.5"', b"<resolution>2.5</resolution>"])
def test_a_philips_file_states_its_resolution_in_either_place(write, field):
    content = format_files.sierra(format_files.counts(), version="1.03").replace(field, b"")
    assert read_record(write(content)).signal == pytest.approx(format_files.millivolts())


def test_a_philips_file_without_resolution_is_refused(write):
    content = format_files.sierra(format_files.counts(), version="1.03")
    for field in (b'resolution="2.5"', b"<resolution>2.5</resolution>"):
        content = content.replace(field, b"")
    with pytest.raises(RecordError, match="field `unit`"):
        read_record(write(content))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("csv", "record.csv"), ("csv", "record.txt"), ("npy", "record.npy"), ("npy", "record")],
)
@pytest.mark.parametrize("leads", [LEADS, format_files.EIGHT])
def test_tables_of_numbers(write, kind, name, leads):
    values = format_files.counts(leads=leads)
    if kind == "csv":
        path, unit = write(format_files.csv(values, leads, header=len(leads) == 12), name), "mV"
    else:
        path, unit = write(format_files.npy(values), name), "uV"
    record = ekg.read_record(path, fs=500, unit=unit)
    assert record.signal == pytest.approx(format_files.millivolts(), abs=1e-4)


def test_a_table_without_rate_or_unit_is_refused(write):
    path = write(format_files.csv(format_files.counts()), "record.csv")
    for given, missing in (
        ({}, "--fs and --unit"),
        ({"fs": 500}, "--unit"),
        ({"unit": "mV"}, "--fs"),
    ):
        with pytest.raises(RecordError, match=f"give {missing}, as in"):
            ekg.read_record(path, **given)
    with pytest.raises(RecordError, match="the unit 'kV' is not one of"):
        ekg.read_record(path, fs=500, unit="kV")
    with pytest.raises(RecordError, match="field `sampling frequency` is 0 Hz; correct --fs"):
        ekg.read_record(path, fs=0, unit="mV")


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_tables_with_times_and_other_separators(write, separator):
    values = format_files.millivolts()
    lines = [separator.join(["time", *LEADS])]
    lines += [
        separator.join([f"{n / 500:.3f}", *[f"{value:.4f}" for value in row]])
        for n, row in enumerate(values.T)
    ]
    path = write("\n".join(lines).encode(), "record.csv")
    record = ekg.read_record(path, fs=500, unit="mV")
    assert record.signal == pytest.approx(values, abs=1e-4)


def test_a_table_whose_sides_do_not_tell_is_refused(write):
    path = write(format_files.npy(format_files.counts(12)), "record.npy")
    with pytest.raises(RecordError, match="has 12 rows and 12 columns"):
        ekg.read_record(path, fs=500, unit="uV")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"0000050\0\0\x002020-11-16 21:44:39\0" + bytes(600), "Contec ECG"),
        (b'<?xml version="1.0"?><sapphire><x/></sapphire>', None),
        (b"<?xml version='1.0'?><CardiologyXML><x/></CardiologyXML>", "GE CardioSoft XML"),
        (b"ANN  1.0" + bytes(600), "ISHNE annotations"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), None),
        (b"%PDF-1.4\n1 0 obj", None),
        (b"A0001 12 500 5000\nA0001.mat 16+24 1000/mV 16 0 -254 21756 0 I\n", None),
        (b"record,diagnoses\nA0001,AF\n", None),
        (b"", None),
    ],
)
def test_formats_that_are_not_read_are_refused_by_name(write, content, name):
    path = write(content)
    form = format_of(path)
    assert (form.name if form else None) == name
    if form:
        with pytest.raises(RecordError, match=f"is a {name} file, which is not read: .*; "):
            open_recording(path, form)


def test_a_folder_gives_headers_and_files_of_other_machines(every_file, tmp_path, write):
    for number, (name, content) in enumerate(every_file.items()):
        write(content, f"r{number}_{name}")
    write(format_files.csv(format_files.counts()), "labels.csv")
    write(b"record,diagnoses\nA0001,AF\n", "table.csv")
    write(b"<notes/>", "notes.xml")
    found = named_records(tmp_path).values()
    assert [path.name for path in found] == [
        f"r{number}_{name}" for number, name in enumerate(every_file)
    ]
    assert len(named_records(tmp_path, arrays=True)) == len(every_file) + 1


def test_two_files_of_one_record_name_are_refused(every_file, tmp_path, write):
    write(every_file["edf.edf"], "one.edf")
    write(every_file["aecg.xml"], "one.xml")
    with pytest.raises(RecordError, match="two records would be named one"):
        named_records(tmp_path)
