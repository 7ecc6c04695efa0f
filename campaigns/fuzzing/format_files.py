"""Small sound files of other machines' formats, written from their descriptions."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from ekg.records.record import LEADS

RATE = 500
STEP = 2.5
"""Microvolts."""
SCP_CODES = {
    "I": 1,
    "II": 2,
    "V1": 3,
    "V2": 4,
    "V3": 5,
    "V4": 6,
    "V5": 7,
    "V6": 8,
    "III": 61,
    "aVR": 62,
    "aVL": 63,
    "aVF": 64,
}
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
PERSON = ("Mustermann", "Erika", "19610812", "PID4711")
"""Last name, first name, birth date and id that every file names: they must go nowhere."""


def counts(samples: int = 1300, leads: Sequence[str] = LEADS) -> np.ndarray:
    """Return whole steps, shape (leads, samples): beats that obey Einthoven's law exactly."""
    times = np.arange(samples) / RATE
    beat = np.exp(-(((times % 0.8) - 0.3) ** 2) / 2e-4) + 0.2 * np.exp(
        -(((times % 0.8) - 0.55) ** 2) / 2e-3
    )
    first = 2 * np.round(90 * beat + 8 * np.sin(7 * times))
    second = 2 * np.round(140 * beat + 5 * np.sin(5 * times))
    values = {
        "I": first,
        "II": second,
        "III": second - first,
        "aVR": -(first + second) / 2,
        "aVL": first - second / 2,
        "aVF": second - first / 2,
    }
    for number in range(1, 7):
        values[f"V{number}"] = np.round((number - 2.5) * 80 * beat + 9 * np.sin(number * times))
    return np.stack([values[lead] for lead in leads]).astype(np.int64)


def millivolts(samples: int = 1300, leads: Sequence[str] = LEADS) -> np.ndarray:
    """Return what every sound file here holds."""
    return counts(samples, leads) * (STEP / 1000)


def scp(values: np.ndarray, leads: Sequence[str] = LEADS, *, huffman: bool = False) -> bytes:
    """Return an SCP-ECG file, plain or with second differences in the default Huffman code."""
    last, given, birth, patient = PERSON
    born = struct.pack("<HBB", int(birth[:4]), int(birth[4:6]), int(birth[6:]))
    tags = [
        (0, last.encode() + b"\0"),
        (1, given.encode() + b"\0"),
        (2, patient.encode() + b"\0"),
        (5, born),
        (8, b"\1"),
        (255, b""),
    ]
    sections = {1: b"".join(struct.pack("<BH", tag, len(text)) + text for tag, text in tags)}
    flags = 0x04 | len(leads) << 3 & 0xFF
    sections[3] = struct.pack("<BB", len(leads), flags) + b"".join(
        struct.pack("<IIB", 1, values.shape[1], SCP_CODES[lead]) for lead in leads
    )
    if huffman:
        sections[2] = struct.pack("<H", 19999)
        parts = [_huffman(_second_differences(row)) for row in values]
    else:
        parts = [row.astype("<i2").tobytes() for row in values]
    sections[6] = struct.pack("<HHBB", int(STEP * 1000), 10**6 // RATE, 2 if huffman else 0, 0)
    sections[6] += b"".join(struct.pack("<H", len(part)) for part in parts) + b"".join(parts)
    return scp_of_sections(sections)


def scp_of_sections(sections: dict[int, bytes]) -> bytes:
    """Return an SCP-ECG file of these sections, with pointers and checksums."""
    place, pointers, body = 7 + 16 + 120, b"", b""
    for identity in range(1, 12):
        content = sections.get(identity)
        if content is None:
            pointers += struct.pack("<HII", identity, 0, 0)
            continue
        section = _scp_section(identity, content + b"\0" * (len(content) % 2))
        pointers += struct.pack("<HII", identity, len(section), place)
        place, body = place + len(section), body + section
    pointers = struct.pack("<HII", 0, 136, 7) + pointers
    record = _scp_section(0, pointers) + body
    record = struct.pack("<I", len(record) + 6) + record
    return struct.pack("<H", binascii.crc_hqx(record, 0xFFFF)) + record


def _scp_section(identity: int, content: bytes) -> bytes:
    name = b"SCPECG" if identity == 0 else bytes(6)
    head = struct.pack("<HIBB", identity, 16 + len(content), 13, 13) + name
    return struct.pack("<H", binascii.crc_hqx(head + content, 0xFFFF)) + head + content


def _second_differences(row: np.ndarray) -> list[int]:
    changes = np.concatenate([row[:2], row[2:] - 2 * row[1:-1] + row[:-2]])
    return [int(value) for value in changes]


def _huffman(values: list[int]) -> bytes:
    """Encode in the default table: ones for the magnitude, a zero, the sign; else 16 bits."""
    bits = []
    for value in values:
        if abs(value) <= 8:
            bits.append("1" * abs(value) + "0" + ("" if value == 0 else "01"[value < 0]))
        elif -128 <= value < 128:
            bits.append(f"1111111110{value & 0xFF:08b}")
        else:
            bits.append(f"1111111111{value & 0xFFFF:016b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def muse(values: np.ndarray, leads: Sequence[str] = EIGHT, statements: Sequence[str] = ()) -> bytes:
    """Return a GE MUSE XML file with a median beat before the rhythm."""
    last, given, birth, patient = PERSON
    median = _muse_waveform("Median", values[:, :300] // 2, leads)
    lines = "".join(
        f"<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>{line}</StmtText>"
        "</DiagnosisStatement>"
        for line in statements
    )
    confirmed = (
        "<DiagnosisStatement><StmtFlag>USERINSERT</StmtFlag>"
        f"<StmtText>Seen by {last}</StmtText></DiagnosisStatement>"
    )
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd">'
        f"<RestingECG><PatientDemographics><PatientID>{patient}</PatientID><PatientAge>61"
        f"</PatientAge><AgeUnits>YEARS</AgeUnits><DateofBirth>{birth}</DateofBirth><Gender>FEMALE"
        f"</Gender><PatientLastName>{last}</PatientLastName><PatientFirstName>{given}"
        f"</PatientFirstName></PatientDemographics><OriginalDiagnosis>{lines}{confirmed}"
        f"</OriginalDiagnosis>{median}{_muse_waveform('Rhythm', values, leads)}</RestingECG>"
    )
    return text.encode("latin-1")


def _muse_waveform(kind: str, values: np.ndarray, leads: Sequence[str]) -> str:
    parts = []
    for lead, row in zip(leads, values, strict=True):
        data = row.astype("<i2").tobytes()
        parts.append(
            f"<LeadData><LeadByteCountTotal>{len(data)}</LeadByteCountTotal><LeadSampleCountTotal>"
            f"{len(row)}</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>{STEP}"
            "</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>"
            f"<LeadID>{lead}</LeadID><LeadSampleSize>2</LeadSampleSize><LeadDataCRC32>"
            f"{zlib.crc32(data)}</LeadDataCRC32><WaveFormData>{base64.b64encode(data).decode()}"
            "</WaveFormData></LeadData>"
        )
    return (
        f"<Waveform><WaveformType>{kind}</WaveformType><SampleBase>{RATE}</SampleBase>"
        f"<SampleExponent>0</SampleExponent>{''.join(parts)}</Waveform>"
    )


def sierra(
    values: np.ndarray, *, version: str = "1.04", xli: bool = False, statements: Sequence[str] = ()
) -> bytes:
    """Return a Philips Sierra XML file: 1.03 in UTF-8, later ones in UTF-16, plain or packed."""
    last, given, birth, patient = PERSON
    kind = "SierraECG" if version == "1.03" else "PhilipsECG"
    data = _xli(values) if xli else values.astype("<i2").tobytes()
    packed = 'compressflag="True" compression="XLI"' if xli else 'compression="Uncompressed"'
    lines = "".join(
        f"<statement><leftstatement>{line}</leftstatement><rightstatement/></statement>"
        for line in statements
    )
    text = (
        f'<restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo><documenttype>{kind}'
        f"</documenttype><documentversion>{version}</documentversion></documentinfo><patient>"
        f"<generalpatientdata><patientid>{patient}</patientid><name><lastname>{last}</lastname>"
        f"<firstname>{given}</firstname></name><age><dateofbirth>{birth[:4]}-{birth[4:6]}-"
        f"{birth[6:]}</dateofbirth><years>61</years></age><sex>Female</sex></generalpatientdata>"
        "</patient><dataacquisition><signalcharacteristics><samplingrate>"
        f"{RATE}</samplingrate><resolution>{STEP}</resolution><numberchannelsallocated>12"
        "</numberchannelsallocated><acquisitiontype>STD-12</acquisitiontype>"
        f"</signalcharacteristics></dataacquisition><interpretations><interpretation>{lines}"
        "</interpretation></interpretations><waveforms><parsedwaveforms "
        f'samplespersecond="{RATE}" durationperchannel="{values.shape[1] * 1000 // RATE}" '
        f'resolution="{STEP}" dataencoding="Base64" {packed} leadlabels="{" ".join(LEADS)}" '
        f'numberofleads="12">{base64.b64encode(data).decode()}</parsedwaveforms></waveforms>'
        "</restingecgdata>"
    )
    if version == "1.03":
        return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    return f'<?xml version="1.0" encoding="utf-16"?>{text}'.encode("utf-16")


def _xli(values: np.ndarray) -> bytes:
    """Pack as PageWriter does: limb leads as residues, second differences, LZW of 10 bits."""
    first, second, third, right, left, foot = values[:6]
    rows = [
        first,
        second,
        second - first - third,
        -right - (first + second) // 2,
        (first - third) // 2 - left,
        (second + third) // 2 - foot,
        *values[6:],
    ]
    return b"".join(_xli_chunk(row.astype(np.int64)) for row in rows)


def _xli_chunk(row: np.ndarray) -> bytes:
    start = int(2 * row[1] - row[0] - row[2])
    codes = [int(row[0]), int(row[1])]
    # The reader takes each difference from the code before: one is spent beyond the end.
    codes += [int(2 * row[n] - row[n - 1] - row[n + 1]) + 64 for n in range(2, len(row) - 1)]
    codes.append(64)
    words = np.array(codes, dtype=np.int64).astype(np.uint16)
    data = (words >> 8).astype(np.uint8).tobytes() + (words & 0xFF).astype(np.uint8).tobytes()
    packed = lzw(data)
    return struct.pack("<iHh", len(packed), 0, start) + packed


def lzw(data: bytes) -> bytes:
    """Pack bytes by LZW in codes of 10 bits; the table is kept once it is full."""
    table = {bytes([value]): value for value in range(256)}
    codes, word = [], b""
    for value in data:
        longer = word + bytes([value])
        if longer in table:
            word = longer
            continue
        codes.append(table[word])
        if len(table) < 1023:
            table[longer] = len(table)
        word = bytes([value])
    codes.append(table[word])
    text = "".join(f"{code:010b}" for code in codes)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def aecg(values: np.ndarray, leads: Sequence[str] = LEADS, statements: Sequence[str] = ()) -> bytes:
    """Return an HL7 aECG file with a representative beat beside the rhythm."""
    last, _, birth, patient = PERSON
    lines = "".join(
        "<component><annotation><code code='MDC_ECG_INTERPRETATION_STATEMENT'/>"
        f"<value>{line}</value></annotation></component>"
        for line in statements
    )
    beat = (
        "<derivation><derivedSeries><code code='REPRESENTATIVE_BEAT'/><component>"
        f"{_aecg_set(values[:, :300] * 3, leads, 'TIME_RELATIVE')}</component></derivedSeries>"
        "</derivation>"
    )
    text = (
        "<AnnotatedECG xmlns='urn:hl7-org:v3'><componentOf><timepointEvent><componentOf>"
        f"<subjectAssignment><subject><trialSubject><id extension='{patient}'/>"
        f"<subjectDemographicPerson><name>{last}</name><administrativeGenderCode code='F'/>"
        f"<birthTime value='{birth}'/></subjectDemographicPerson></trialSubject></subject>"
        "</subjectAssignment></componentOf></timepointEvent></componentOf><component><series>"
        f"<code code='RHYTHM'/><component>{_aecg_set(values, leads, 'TIME_ABSOLUTE')}</component>"
        f"<subjectOf><annotationSet>{lines}</annotationSet></subjectOf>{beat}</series></component>"
        "</AnnotatedECG>"
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def _aecg_set(values: np.ndarray, leads: Sequence[str], time: str) -> str:
    rows = "".join(
        f"<component><sequence><code code='MDC_ECG_LEAD_{lead.upper()}'/><value><origin value='0' "
        f"unit='uV'/><scale value='{STEP}' unit='uV'/><digits>{' '.join(map(str, row))}</digits>"
        "</value></sequence></component>"
        for lead, row in zip(leads, values, strict=True)
    )
    return (
        f"<sequenceSet><component><sequence><code code='{time}'/><value><head value='20020101'/>"
        f"<increment value='{1 / RATE}' unit='s'/></value></sequence></component>{rows}"
        "</sequenceSet>"
    )


def schiller(values: np.ndarray, leads: Sequence[str] = LEADS) -> bytes:
    """Return a Schiller XML file with averaged beats before the rhythm."""
    last, given, birth, patient = PERSON

    def wave(kind: str, rows: np.ndarray) -> str:
        channels = "".join(
            f"<channel><name>{lead}</name><data>{','.join(map(str, row))},</data>"
            f"<datastype>COMMASEPARATE</datastype><samplecount>{len(row)}</samplecount></channel>"
            for lead, row in zip(leads, rows, strict=True)
        )
        return (
            f"<wavedata><type>{kind}</type><resolution><samplerate><exponent>1</exponent><value>"
            f"{RATE}</value></samplerate><yres><unitperbit>{STEP}</unitperbit><units>UV</units>"
            f"</yres></resolution>{channels}</wavedata>"
        )

    return (
        '<?xml version="1.0"?><com.xiriuz.sema.xml.schillerEDI.SchillerEDI><patdata>'
        f"<id>{patient}</id><lastname>{last}</lastname><firstname>{given}</firstname><birthdate>"
        f"{birth}</birthdate><gender>FEMALE</gender></patdata><eventdata><event>"
        f"{wave('ECG_AVERAGES', values[:, :300] * 2)}{wave('ECG_RHYTHMS', values)}"
        "</event></eventdata></com.xiriuz.sema.xml.schillerEDI.SchillerEDI>"
    ).encode()


def edf(
    values: np.ndarray, leads: Sequence[str] = LEADS, *, bdf: bool = False, onsets: Sequence = ()
) -> bytes:
    """Return an EDF or BDF file of data records of 0.2 s; with `onsets` an EDF+D or BDF+D."""
    per_record, records = RATE // 5, values.shape[1] // (RATE // 5)
    low, high = (-4_000_000, 4_000_000) if bdf else (-(2**15), 2**15 - 1)
    names = [*leads, *(["BDF Annotations" if bdf else "EDF Annotations"] if onsets else [])]
    last, given, _, patient = PERSON
    kind = f"{'BDF' if bdf else 'EDF'}+D" if onsets else ("24BIT" if bdf else "")

    def fields(width: int, *words: object) -> bytes:
        return b"".join(str(word).ljust(width)[:width].encode("latin-1") for word in words)

    n = len(names)
    step = STEP / 1000
    header = b"\xffBIOSEMI" if bdf else b"0".ljust(8)
    header += fields(80, f"{patient} F 12-AUG-1961 {given}_{last}", "Startdate X X X X")
    header += fields(8, "01.01.02", "10.00.00", 256 * (n + 1)) + fields(44, kind)
    header += fields(8, records, 0.2) + fields(4, n)
    header += fields(16, *names) + fields(80, *[""] * n) + fields(8, *["mV"] * n)
    header += fields(8, *[f"{low * step:.7g}"[:8]] * n) + fields(8, *[f"{high * step:.7g}"[:8]] * n)
    header += fields(8, *[low] * n) + fields(8, *[high] * n) + fields(80, *[""] * n)
    header += fields(8, *[per_record] * n) + fields(32, *[""] * n)
    width, body = (3 if bdf else 2), []
    for record in range(records):
        part = values[:, record * per_record : (record + 1) * per_record]
        body.append(part.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :width].tobytes())
        if onsets:
            body.append(f"+{onsets[record]:g}\x14\x14".encode().ljust(per_record * width, b"\0"))
    return header + b"".join(body)


def ishne(values: np.ndarray, leads: Sequence[str] = LEADS) -> bytes:
    """Return an ISHNE file."""
    last, given, birth, patient = PERSON
    codes = {"I": 5, "II": 6, "III": 7, "aVR": 8, "aVL": 9, "aVF": 10}
    codes |= {f"V{number}": 10 + number for number in range(1, 7)}
    head = bytearray(512)
    struct.pack_into("<iiiihh", head, 0, 0, values.shape[1], 522, 522, 1, 0)
    head[18:58], head[58:98] = given.encode().ljust(40, b"\0"), last.encode().ljust(40, b"\0")
    head[98:118] = patient.encode().ljust(20, b"\0")
    struct.pack_into("<hhhhh", head, 118, 2, 0, int(birth[6:]), int(birth[4:6]), int(birth[:4]))
    struct.pack_into("<h", head, 146, len(leads))
    for place in range(12):
        there = place < len(leads)
        struct.pack_into("<h", head, 148 + 2 * place, codes[leads[place]] if there else -9)
        struct.pack_into("<h", head, 172 + 2 * place, 1 if there else -9)
        struct.pack_into("<h", head, 196 + 2 * place, int(STEP * 1000) if there else -9)
    struct.pack_into("<h", head, 262, RATE)
    checksum = struct.pack("<H", binascii.crc_hqx(bytes(head), 0xFFFF))
    return b"ISHNE1.0" + checksum + bytes(head) + values.T.astype("<i2").tobytes()


def mfer(values: np.ndarray, leads: Sequence[str] = LEADS) -> bytes:
    """Return an MFER file with a preamble, one block of samples a channel."""
    last, given, _, patient = PERSON

    def tag(number: int, value: bytes) -> bytes:
        size = len(value)
        length = bytes([size]) if size < 128 else b"\x84" + struct.pack(">I", size)
        return bytes([number]) + length + value

    parts = [
        tag(0x40, b"MFR 12-lead".ljust(32)),
        tag(0x01, b"\1"),
        tag(0x08, struct.pack("<H", 1)),
        tag(0x0B, struct.pack("<BbH", 1, -3, 2)),
        tag(0x0C, struct.pack("<BbH", 0, -7, 25)),
        tag(0x0A, b"\0"),
        tag(0x04, struct.pack("<I", values.shape[1])),
        tag(0x05, bytes([len(leads)])),
        tag(0x06, struct.pack("<H", 1)),
        tag(0x81, f"{last}^^{given}".encode()),
        tag(0x82, patient.encode()),
    ]
    for place, lead in enumerate(leads):
        value = tag(0x09, struct.pack("<H", SCP_CODES[lead]))
        parts.append(bytes([0x3F, place, len(value)]) + value)
    parts.append(tag(0x1E, values.astype("<i2").tobytes()))
    return b"".join(parts) + b"\x80"


def dicom(
    values: np.ndarray,
    leads: Sequence[str] = LEADS,
    *,
    padding: int | None = None,
    median_first: bool = False,
) -> bytes:
    """Return a DICOM 12-lead waveform with the rhythm and an averaged beat."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
        return [item]

    def group(rows: np.ndarray, originality: str, label: str) -> Dataset:
        found = Dataset()
        found.WaveformOriginality, found.MultiplexGroupLabel = originality, label
        found.NumberOfWaveformChannels, found.NumberOfWaveformSamples = rows.shape
        found.SamplingFrequency = str(RATE)
        channels = []
        for lead in leads:
            channel = Dataset()
            channel.ChannelSourceSequence = code(f"2:{SCP_CODES[lead]}", "MDC", f"Lead {lead}")
            channel.ChannelSensitivity = str(STEP)
            channel.ChannelSensitivityUnitsSequence = code("uV", "UCUM", "microvolt")
            channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = "1", "0"
            channel.WaveformBitsStored = 16
            channels.append(channel)
        found.ChannelDefinitionSequence = channels
        found.WaveformBitsAllocated, found.WaveformSampleInterpretation = 16, "SS"
        if padding is not None:
            found.add_new(0x5400100A, "OW", struct.pack("<h", padding))
        found.add_new(0x54001010, "OW", rows.T.astype("<i2").tobytes())
        return found

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.9.1.1")
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["ekg"])
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    last, given, birth, patient = PERSON
    dataset.PatientName, dataset.PatientID = f"{last}^{given}", patient
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = birth, "F", "061Y"
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    groups = [
        group(values, "ORIGINAL", "RHYTHM"),
        group(values[:, :300] // 2, "DERIVED", ""),
    ]
    dataset.WaveformSequence = groups[::-1] if median_first else groups
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def csv(values: np.ndarray, leads: Sequence[str] = LEADS, *, header: bool = True) -> bytes:
    """Return a table of millivolts, one sample a line."""
    lines = [",".join(leads)] if header else []
    lines += [",".join(f"{value:.4f}" for value in row) for row in values.T * (STEP / 1000)]
    return "\n".join(lines).encode() + b"\n"


def npy(values: np.ndarray) -> bytes:
    """Return an NPY file of microvolts, samples by leads."""
    stream = io.BytesIO()
    np.save(stream, values.T * STEP)
    return stream.getvalue()


def every_file(samples: int = 1300) -> dict[str, bytes]:
    """Return one sound file of every format that states itself, by name."""
    values, eight = counts(samples), counts(samples, EIGHT)
    return {
        "dicom.dcm": dicom(values),
        "plain.scp": scp(values),
        "huffman.scp": scp(eight, EIGHT, huffman=True),
        "aecg.xml": aecg(values),
        "muse.xml": muse(eight),
        "sierra103.xml": sierra(values, version="1.03"),
        "sierra104.xml": sierra(values, xli=True),
        "schiller.xml": schiller(values),
        "edf.edf": edf(values),
        "bdf.bdf": edf(values, bdf=True),
        "ishne.ecg": ishne(values),
        "mfer.mwf": mfer(values),
    }
