"""A signal file that was changed after its header was written."""

import numpy as np
import pytest

from ekg.errors import RecordError
from ekg.records.record import read_record
from ekg.simulator.record_files import SimulationSettings, write_record

OFFSET = 24  # of the first sample in the signal file


@pytest.fixture
def header(tmp_path):
    write_record(tmp_path, "S0001", SimulationSettings())
    return tmp_path / "S0001.hea"


@pytest.mark.parametrize(("byte", "bit"), [(OFFSET, 0), (OFFSET + 60_001, 7), (-1, 3)])
def test_one_bit_turned_over(header, byte, bit):
    content = bytearray(header.with_suffix(".mat").read_bytes())
    content[byte] ^= 1 << bit
    header.with_suffix(".mat").write_bytes(content)
    lead = {0: "I", 1: "II", -1: "V6"}[-1 if byte == -1 else (byte - OFFSET) // 2 % 12]
    with pytest.raises(RecordError, match=rf"S0001\.hea: .* lead {lead} .* header's checksum"):
        read_record(header)


def test_a_header_without_checksums_is_taken_at_its_word(header):
    signal = read_record(header).signal
    lines = header.read_text().splitlines()
    for place in range(1, 13):
        words = lines[place].split()
        words[6] = "0"
        lines[place] = " ".join(words)
    header.write_text("\n".join(lines) + "\n")
    content = bytearray(header.with_suffix(".mat").read_bytes())
    content[OFFSET] ^= 1
    header.with_suffix(".mat").write_bytes(content)
    assert np.count_nonzero(read_record(header).signal != signal) == 1
