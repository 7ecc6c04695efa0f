"""`ekg convert`, `ekg predict` and the other verbs take files of other machines."""

import json

import numpy as np
import pytest
import wfdb

from campaigns.fuzzing import format_files
from ekg.__main__ import main
from ekg.datasets.labels import label_of, machine_statements_of, phrases_of
from ekg.records.opening import read_header, read_record
from ekg.records.record import LEADS


def files_in(folder, every_file):
    """Write one file of every format into a folder."""
    folder.mkdir()
    for name, content in every_file.items():
        (folder / name).write_bytes(content)
    return folder


def test_convert_keeps_order_unit_rate_and_every_step(every_file, tmp_path, capsys):
    source, out = files_in(tmp_path / "in", every_file), tmp_path / "out"
    assert main(["convert", str(source), "--out", str(out)]) == 0
    assert f"{len(every_file)} written" in capsys.readouterr().out
    assert len(list(out.glob("*"))) == 2 * len(every_file)
    for name in every_file:
        stem = name.split(".")[0]
        record = wfdb.rdrecord(str(out / stem))
        assert record.fs == format_files.RATE
        eight = name in ("huffman.scp", "muse.xml")
        leads = format_files.EIGHT if eight else LEADS
        assert [lead.lower().replace("mdc_ecg_lead_", "") for lead in record.sig_name] == [
            lead.lower() for lead in leads
        ]
        assert set(record.units) == {"mV" if name[:3] in ("edf", "bdf") else "uV"}
        scale = 1.0 if record.units[0] == "mV" else 1e-3
        expected = format_files.millivolts(leads=leads)
        assert record.p_signal.T * scale == pytest.approx(expected, abs=1e-9)


def test_converted_records_say_nothing_of_the_patient(every_file, tmp_path):
    source, out = files_in(tmp_path / "in", every_file), tmp_path / "out"
    main(["convert", str(source), "--out", str(out)])
    for path in out.glob("*.hea"):
        text = path.read_text()
        for word in (*format_files.PERSON, "1961", "Female", "Age", "2002"):
            assert word not in text, path


def test_metadata_is_kept_on_request(every_file, tmp_path):
    path = tmp_path / "muse.xml"
    path.write_bytes(every_file["muse.xml"])
    out = tmp_path / "out"
    assert main(["convert", str(path), "--out", str(out), "--keep-metadata"]) == 0
    text = (out / "muse.hea").read_text()
    for word in ("Last name: Mustermann", "First name: Erika", "Age: 61", "Sex: Female"):
        assert f"# {word}" in text


def test_convert_twice_gives_the_same_and_never_replaces_another(every_file, tmp_path, capsys):
    path, out = tmp_path / "one.scp", tmp_path / "out"
    path.write_bytes(every_file["plain.scp"])
    for _ in range(2):
        assert main(["convert", str(path), "--out", str(out)]) == 0
    before = (out / "one.dat").read_bytes()
    path.write_bytes(format_files.scp(format_files.counts(1500)))
    capsys.readouterr()
    assert main(["convert", str(path), "--out", str(out)]) == 1
    assert "already exists with other content" in capsys.readouterr().err
    assert (out / "one.dat").read_bytes() == before


def test_convert_names_what_it_refuses_and_goes_through_the_rest(every_file, tmp_path, capsys):
    (tmp_path / "one.scp").write_bytes(every_file["plain.scp"])
    (tmp_path / "cut.scp").write_bytes(every_file["plain.scp"][:500])
    (tmp_path / "page.txt").write_text("not a recording")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "one.xml").write_bytes(every_file["aecg.xml"])
    names = ["one.scp", "cut.scp", "page.txt", "other", "absent.edf"]
    paths = [str(tmp_path / name) for name in names]
    assert main(["convert", *paths, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.out.strip().endswith(
        "1 written to " + str(tmp_path / "out") + ", 4 refused. Not for clinical use."
    )
    for words in (
        "is a corrupt or incomplete SCP-ECG file",
        "not a recording in a supported format",
        "would overwrite the record of",
        "file not found",
    ):
        assert words in said.err


def test_names_are_put_into_what_wfdb_allows(every_file, tmp_path):
    path, out = tmp_path / "Befund von gestern (2).ECG.edf", tmp_path / "out"
    path.write_bytes(every_file["edf.edf"])
    assert main(["convert", str(path), "--out", str(out)]) == 0
    record = read_record(out / "Befund_von_gestern_2_ECG.hea")
    assert record.signal == pytest.approx(format_files.millivolts(), abs=1e-12)


def test_tables_of_numbers_are_converted_with_rate_and_unit(tmp_path):
    path, out = tmp_path / "table.csv", tmp_path / "out"
    path.write_bytes(format_files.csv(format_files.counts()))
    assert main(["convert", str(path), "--out", str(out)]) == 1
    given = ["--fs", "500", "--unit", "mV"]
    assert main(["convert", str(path), "--out", str(out), *given]) == 0
    assert read_record(out / "table.hea").signal == pytest.approx(
        format_files.millivolts(), abs=1e-4
    )


def test_machine_labels_are_written_where_they_name_one_class(tmp_path, capsys):
    values, out = format_files.counts(leads=format_files.EIGHT), tmp_path / "out"
    lines = {
        "af": ["Atrial fibrillation", "Left axis deviation", "Abnormal ECG"],
        "two": ["Atrial fibrillation with left bundle branch block"],
        "odd": ["Sinus rhythm", "Something nobody knows"],
    }
    for name, statements in lines.items():
        content = format_files.muse(values, statements=statements)
        (tmp_path / f"{name}.xml").write_bytes(content)
    options = ["--out", str(out), "--labels", "machine"]
    assert main(["convert", *[str(tmp_path / f"{name}.xml") for name in lines], *options]) == 0
    assert read_header(out / "af.hea").diagnoses == ("AF",)
    assert read_header(out / "two.hea").diagnoses == ()
    said = capsys.readouterr().out
    assert "no label: multi-label: AF, LBBB" in said
    assert "no label: unknown code: something nobody knows" in said


@pytest.mark.parametrize(
    ("statement", "phrases"),
    [
        (
            "Sinus bradycardia with 1st degree A-V block",
            ("sinus bradycardia", "1st degree a v block"),
        ),
        ("ATRIAL FIBRILLATION", ("atrial fibrillation",)),
        (
            "Premature ventricular complexes and fusion complexes",
            ("premature ventricular complexes", "fusion complexes"),
        ),
        ("BASELINE WANDER IN LEAD(S) V3", ("baseline wander",)),
        ("T wave abnormality in inferior leads", ("t wave abnormality",)),
        ("Possible right bundle branch block", ("possible right bundle branch block",)),
        ("Incomplete right bundle branch block", ("incomplete right bundle branch block",)),
        ("", ()),
    ],
)
def test_joined_statements_are_taken_apart_by_the_table(statement, phrases):
    assert phrases_of(statement) == phrases


@pytest.mark.parametrize(
    ("statements", "diagnosis"),
    [
        (["Normal sinus rhythm", "Normal ECG"], "Normal"),
        (["Normal sinus rhythm"], "Normal"),
        (["Sinus rhythm", "Abnormal ECG"], None),
        (["Sinus rhythm", "Right bundle branch block", "Abnormal ECG"], "RBBB"),
        (["Atrial fibrillation", "Premature ventricular complexes"], None),
        (["Possible left bundle branch block"], None),
        ([], None),
    ],
)
@pytest.mark.parametrize("kind", ["muse", "sierra", "aecg"])
def test_machine_statements_become_labels_on_request(tmp_path, kind, statements, diagnosis):
    if kind == "muse":
        values = format_files.counts(leads=format_files.EIGHT)
        content = format_files.muse(values, statements=statements)
    else:
        make = {"sierra": format_files.sierra, "aecg": format_files.aecg}[kind]
        content = make(format_files.counts(), statements=statements)
    path = tmp_path / "record.xml"
    path.write_bytes(content)
    header = read_header(path)
    assert header.diagnoses == ()
    assert label_of(machine_statements_of(header)).diagnosis == diagnosis


def test_what_a_person_inserted_is_no_statement(tmp_path):
    path = tmp_path / "record.xml"
    values = format_files.counts(leads=format_files.EIGHT)
    path.write_bytes(format_files.muse(values, statements=["Confirmed by Dr Mustermann", "x y z"]))
    assert read_header(path).statements == ("x y z",)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """Weights of an untrained network for small images: what is tested is the reading."""
    import torch

    from ekg.model import build_network, save_weights
    from ekg.records.diagnoses import CLASSES

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "weights.safetensors"
    metadata = {
        "network": "mobilenetv3_small_custom",
        "classes": list(CLASSES),
        "image_size": 48,
        "mean": 0.958,
        "std": 0.093,
        "in_channels": 1,
    }
    save_weights(path, build_network().state_dict(), metadata)
    return path


def test_predict_reads_every_format_alike(every_file, tmp_path, small_model, capsys):
    source = files_in(tmp_path / "in", every_file)
    (source / "cut.scp").write_bytes(every_file["plain.scp"][:900])
    assert main(["predict", str(source), "--model", str(small_model), "--format", "json"]) == 0
    said = capsys.readouterr()
    found = {row["record"]: row for row in json.loads(said.out)}
    assert set(found) == {name.split(".")[0] for name in every_file} | {"cut"}
    assert "is a corrupt or incomplete SCP-ECG file" in found.pop("cut")["error"]
    # Where the slices lie depends on the name alone, so the probabilities may differ a little.
    assert all("diagnosis" in row for row in found.values())
    for word in format_files.PERSON:
        assert word not in said.out + said.err


def test_predict_takes_a_table_with_rate_and_unit(tmp_path, small_model, capsys):
    path = tmp_path / "table.csv"
    path.write_bytes(format_files.csv(format_files.counts()))
    command = ["predict", str(path), "--model", str(small_model)]
    assert main(command) == 1
    assert "give --fs and --unit" in capsys.readouterr().out
    assert main([*command, "--fs", "500", "--unit", "mV"]) == 0


def test_render_draws_files_of_other_machines(every_file, tmp_path):
    path, image = tmp_path / "r.mwf", tmp_path / "r.png"
    path.write_bytes(every_file["mfer.mwf"])
    assert main(["render", str(path), "--start", "0", "--size", "100", "-o", str(image)]) == 0
    assert image.stat().st_size > 500


def test_images_list_files_of_other_machines(every_file, tmp_path):
    from ekg.errors import ImageError
    from ekg.images.image_set import make_image_set

    source = files_in(tmp_path / "in", every_file)
    with pytest.raises(ImageError, match=f"{len(every_file)} skipped .no diagnosis in the header"):
        make_image_set(source, tmp_path / "out")


def test_external_reads_the_statements_of_the_machine(tmp_path, small_model):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    values = format_files.counts(4000, leads=format_files.EIGHT)
    for name, statements in {
        "a": ["Atrial fibrillation"],
        "b": ["Sinus rhythm", "Abnormal ECG"],
        "c": ["Unheard of"],
    }.items():
        (folder / f"{name}.xml").write_bytes(format_files.muse(values, statements=statements))
    command = ["external", "--model", str(small_model), "--records", str(folder), "--out", str(out)]
    assert main([*command, "--resamples", "0"]) == 2  # no label in the files themselves
    assert main([*command, "--resamples", "0", "--labels", "machine"]) == 0
    rows = (out / "records.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["a", "b", "c"]
    assert ",kept,AF," in rows[1]
    assert "unknown code: unheard of" in rows[3]
    assert "uV" in rows[1]
    report = json.loads((out / "external.json").read_text())
    assert report["data"]["units"] == {"uV": 1}
    for path in out.iterdir():
        if path.suffix in (".csv", ".json", ".md"):
            for word in format_files.PERSON:
                assert word not in path.read_text()


def test_a_large_value_or_a_missing_sample_is_not_written(tmp_path):
    from ekg.errors import RecordError
    from ekg.records.formats.found import FoundRecording, FoundSignal
    from ekg.records.formats.wfdb_writer import write_wfdb

    for value, words in ((2.0**40, "does not fit into 32 bits"), (np.nan, "missing samples")):
        signal = FoundSignal("I", np.array([0.0, value]), 1.0, "uV")
        found = FoundRecording(tmp_path / "x", "CSV", (signal,), 500.0)
        with pytest.raises(RecordError, match=words):
            write_wfdb(found, tmp_path / "out", "x")
        assert not list((tmp_path / "out").glob("x*"))
