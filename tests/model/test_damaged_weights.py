"""One bit of a weights file turned over."""

import json
import random
import struct

import pytest
import torch

from ekg.errors import ModelError
from ekg.model.weights import load_weights, save_weights

TENSORS = {"a.weight": torch.linspace(-1, 1, 300).reshape(3, 100), "b": torch.ones(4)}
ABOUT = {"classes": ["AF", "STD"], "mean": [0.9581], "image_size": 800, "network": "tiny"}


def turned(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def test_no_bit_of_a_safetensors_file_can_change_unseen(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, TENSORS, ABOUT)
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    generator = random.Random(5)
    places = [*range(8, 8 + length), *(generator.randrange(len(whole)) for _ in range(200))]
    harmless = 0
    for place in places:
        path.write_bytes(turned(whole, place, generator.randrange(8)))
        try:
            tensors, about = load_weights(path)
        except ModelError as error:
            assert str(path) in str(error)
            continue
        # Only where nothing is said: padding, or the name of the checksum itself.
        about.pop(next((key for key in about if key not in ABOUT), ""), None)
        assert about == ABOUT and all(torch.equal(tensors[k], TENSORS[k]) for k in TENSORS)
        harmless += 1
    assert harmless < 0.05 * len(places)


def test_files_without_the_checksum_are_still_read(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, TENSORS, ABOUT)
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert len(header["__metadata__"].pop("content_sha256")) == 64
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    tensors, about = load_weights(path)
    assert about == ABOUT and torch.equal(tensors["b"], TENSORS["b"])


def test_a_torch_file_with_one_bit_turned_over_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    torch.save(TENSORS, path)
    whole = path.read_bytes()
    place = whole.index(TENSORS["a.weight"].numpy().tobytes()) + 100
    path.write_bytes(turned(whole, place, 3))
    with pytest.raises(ModelError, match="truncated or corrupt"):
        load_weights(path)
