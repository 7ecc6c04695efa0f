"""A checkpoint on a failing or full disk."""

import errno
import io

import pytest
import torch

from ekg.errors import TrainingError
from ekg.training import checkpoint
from ekg.training.checkpoint import load_checkpoint, save_checkpoint


def test_one_bit_turned_over_is_seen(tmp_path):
    path = tmp_path / "checkpoint.pt"
    values = torch.linspace(0, 1, 1000)
    save_checkpoint(path, {"config": {}, "model": {"w": values}})
    assert torch.equal(load_checkpoint(path)["model"]["w"], values)
    content = bytearray(path.read_bytes())
    content[content.index(values.numpy().tobytes()) + 2000] ^= 16
    path.write_bytes(content)
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt: is not a complete checkpoint; delete"
    ):
        load_checkpoint(path)


class FullDisk(io.FileIO):
    def write(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_named_and_the_old_checkpoint_stays(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"config": {}, "step": 1})
    monkeypatch.setattr(checkpoint, "open", lambda name, mode: FullDisk(name, "w"), raising=False)
    with pytest.raises(OSError, match="No space left") as caught:
        save_checkpoint(path, {"step": 2, "model": {"w": torch.zeros(100_000)}})
    assert caught.value.filename == str(path)
    monkeypatch.undo()
    assert load_checkpoint(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
