"""Real files of other machines: what is read agrees with independent decoders and with itself."""

import csv

import numpy as np
import pytest

from ekg.errors import RecordError
from ekg.records.formats.reading import open_recording
from ekg.records.formats.sniff import format_of
from ekg.records.opening import read_record
from ekg.records.quality import RELATION_LIMIT, limb_lead_misfit, warnings_of
from ekg.records.record import standard_lead

FORMATS = {
    "GE_MUSE_xml": "GE MUSE XML",
    "HL7_aECG_xml": "HL7 aECG",
    "DICOM": "DICOM",
    "SCP_ECG": "SCP-ECG",
    "EDF": "EDF",
    "Schiller_SEMA_xml": "Schiller XML",
    "Philips_Sierra_xml": "Philips Sierra XML",
}
REFUSED = {
    "Contec_ECG/RigacciOrg__0000050.ECG": "is a Contec ECG file, which is not read",
    "EDF/analysiscenter__sample.edf": "leads I, II, III, aVR, aVL, aVF, V1, .* missing",
}
SAMPLES = {"Philips_Sierra_xml": (5264, 5300)}


@pytest.fixture(scope="module")
def vendor_files(shared):
    folder = shared / "vendor_formats"
    if not (folder / "INDEX.csv").is_file():
        pytest.skip("the reference data hold no files of other machines")
    with open(folder / "INDEX.csv", encoding="utf-8", newline="") as stream:
        return {row["file"]: (folder / row["file"], row) for row in csv.DictReader(stream)}


def test_every_file_is_read_or_refused_by_name(vendor_files):
    assert len(vendor_files) == 22
    for name, (path, row) in vendor_files.items():
        if name in REFUSED:
            with pytest.raises(RecordError, match=REFUSED[name]):
                read_record(path)
            continue
        record = read_record(path)
        assert record.header.format == FORMATS[row["format"]], name
        assert record.signal.shape[0] == 12
        assert np.isfinite(record.signal).all()
        assert 0.2 < np.ptp(record.signal) < 30, name  # millivolts
        if row["fs"]:
            assert record.header.sampling_frequency == float(row["fs"])
        if row["format"] in SAMPLES:
            assert record.header.n_samples in SAMPLES[row["format"]]
        elif row["seconds"]:
            seconds = record.header.n_samples / record.header.sampling_frequency
            assert seconds == pytest.approx(float(row["seconds"]), abs=0.01)


def test_eight_lead_files_say_what_was_computed(vendor_files):
    for name, (path, row) in vendor_files.items():
        eight = row["format"] == "GE_MUSE_xml" or name.endswith(("demo.scp", ".SCP"))
        if name not in REFUSED:
            said = [note for note in read_record(path).warnings if "computed from leads I" in note]
            assert len(said) == eight, name


def counts_of(path):
    """Return the found signals by standard name, and the recording."""
    found = open_recording(path, format_of(path))
    return {standard_lead(signal.name): signal for signal in found.signals}, found


def test_the_limb_leads_obey_einthoven_within_the_rounding_of_the_file(vendor_files):
    """A lead computed from two rounded ones is off by half a step; Philips filters its leads."""
    for name, (path, row) in vendor_files.items():
        if name in REFUSED:
            continue
        signals, _ = counts_of(path)
        if "III" not in signals:
            continue
        first, second, third, right, left, foot = (
            signals[lead].millivolts() for lead in ("I", "II", "III", "aVR", "aVL", "aVF")
        )
        scale = {"uV": 1e-3, "mV": 1.0}[signals["I"].unit] * signals["I"].step
        misfits = [
            np.abs(misfit).max() / scale
            for misfit in (
                first + third - second,
                right + (first + second) / 2,
                left - (first - third) / 2,
                foot - (second + third) / 2,
            )
        ]
        most = {"Philips_Sierra_xml": 2.0, "Schiller_SEMA_xml": 1.0}.get(row["format"], 0.5)
        if row["format"] != "EDF":  # its offset of half a step is in every lead
            assert max(misfits) <= most + 1e-6, (name, misfits)
        assert limb_lead_misfit(read_record(path).signal, 500.0) < RELATION_LIMIT, name


def test_one_recording_in_several_formats_is_the_same(vendor_files):
    examples = [
        "DICOM/Refactoring__Example.dcm",
        "SCP_ECG/Refactoring__Example.scp",
        "HL7_aECG_xml/Refactoring__Example.xml",
        "HL7_aECG_xml/FDA__subject1_0.xml",
        "HL7_aECG_xml/marianux__ecg_hl7.xml",
    ]
    first, *others = (read_record(vendor_files[name][0]).signal for name in examples)
    for other in others:
        assert np.array_equal(first, other)
    assert np.array_equal(
        read_record(vendor_files["DICOM/marcodebe__anonymous_ecg.dcm"][0]).signal,
        read_record(vendor_files["DICOM/pydicom__waveform_ecg.dcm"][0]).signal,
    )
    assert np.array_equal(
        read_record(vendor_files["Philips_Sierra_xml/tbj128__ecg-example.xml"][0]).signal,
        read_record(
            vendor_files["Philips_Sierra_xml/sixlettervariables__ad4d3d80-d165_1-04_orig.xml"][0]
        ).signal,
    )


@pytest.mark.parametrize("name", ["Refactoring__Example.dcm", "pydicom__waveform_ecg.dcm"])
@pytest.mark.filterwarnings("ignore")
def test_dicom_agrees_with_the_decoding_of_pydicom(vendor_files, name):
    pydicom = pytest.importorskip("pydicom")
    path = vendor_files[f"DICOM/{name}"][0]
    expected = pydicom.dcmread(path).waveform_array(0).T / 1000
    signals, _ = counts_of(path)
    found = np.stack([signal.millivolts() for signal in signals.values()])
    assert found == pytest.approx(expected, abs=1e-12)


def test_philips_files_keep_no_calibration_pulse(vendor_files):
    for name, (path, row) in vendor_files.items():
        if row["format"] == "Philips_Sierra_xml":
            record = read_record(path)
            assert any("calibration pulse" in note for note in record.warnings), name
            last = record.signal[:, -100:]
            assert not np.all(last == last[0])


def test_statements_are_those_of_the_machine(vendor_files):
    record = read_record(
        vendor_files["GE_MUSE_xml/perottelab__MUSE_20200923_093504_79000_example.xml"][0]
    )
    assert record.header.statements == (
        "Sinus bradycardia",
        "with sinus arrhythmia",
        "with 1st degree A-V block",
        "Otherwise normal ECG",
    )
    assert record.diagnoses == ()


def test_a_spelled_out_edf_has_what_its_header_says(vendor_files):
    """The converter that wrote it states +-1000 mV: six times the machine's own 5 uV a step."""
    signals, found = counts_of(vendor_files["EDF/RigacciOrg__0000050.ECG.edf"][0])
    assert found.sampling_frequency == 800
    assert signals["I"].step == pytest.approx(2000 / 65535)
    assert any(
        "V1, V2, V3, V4, V5, V6 flat throughout" in line
        for line in warnings_of(read_record(vendor_files["EDF/RigacciOrg__0000050.ECG.edf"][0]))
    )
