import json
import os
import shutil

import numpy as np
import onnx
import pytest
import torch

from ekg import __version__
from ekg.cli import main
from ekg.errors import ModelError
from ekg.files import sha256_of_file
from ekg.model import EkgModel, build_network, load_model, save_weights
from ekg.model import export as export_module
from ekg.model.engines import OnnxEngine, open_engine
from ekg.model.export import check_images, export_onnx
from ekg.model.torch_engine import TorchEngine
from ekg.paths import default_model


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run folder of a small model that answers differently to different images."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    torch.manual_seed(8)
    network = build_network()
    torch.nn.init.normal_(network.classifier[0].weight, std=0.5)
    torch.nn.init.normal_(network.classifier[3].weight, std=0.5)
    model = EkgModel(network, image_size=64, temperature=1.7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.from_numpy(check_images(64)))  # batch norm learns its statistics
    save_weights(folder / "weights.safetensors", network.state_dict(), model.metadata)
    return folder


@pytest.fixture(scope="module")
def exported(run_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    weights = run_folder / "weights.safetensors"
    return export_onnx(load_model(run_folder), path, weights=weights)


def test_agrees_with_torch_in_batches_of_any_size(run_folder, exported):
    assert exported.largest_difference <= 1e-4
    torch_engine, onnx_engine = TorchEngine(load_model(run_folder)), OnnxEngine(exported.path)
    images = check_images(64)
    for count in (1, 2, 5):
        expected = torch_engine.probabilities(images[:count])
        np.testing.assert_allclose(onnx_engine.probabilities(images[:count]), expected, atol=1e-5)
    assert np.ptp(torch_engine.probabilities(images), axis=0).max() > 1e-3


def test_the_file_says_what_it_is(run_folder, exported):
    proto = onnx.load(exported.path)
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(properties["classes"]) == list(load_model(run_folder).classes)
    assert properties["name"] == "small"
    assert properties["ekg_version"] == __version__
    assert properties["image_size"] == "64"
    assert float(properties["temperature"]) == 1.7
    assert properties["weights_sha256"] == sha256_of_file(run_folder / "weights.safetensors")
    assert "not for clinical use" in properties["notice"]
    (image,), (output,) = proto.graph.input, proto.graph.output
    dims = image.type.tensor_type.shape.dim
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [dims[0].dim_param, *(dim.dim_value for dim in dims[1:])] == ["batch", 1, 64, 64]
    assert (image.name, output.name) == ("images", "probabilities")
    assert os.fsencode(os.path.dirname(onnx.__file__)) not in proto.SerializeToString()  # noqa: PTH120


@pytest.mark.slow
def test_the_published_model_agrees_on_golden_images(shared, tmp_path, capsys):
    out = tmp_path / "published.onnx"
    status = main(
        [
            "export",
            "--model",
            str(shared / "published_model" / "mobilenetv3_small_custom_37.model"),
            "--out",
            str(out),
            "--check-on",
            str(shared / "golden" / "images"),
        ]
    )
    assert status == 0
    printed = capsys.readouterr().out
    assert "over 24 images" in printed
    assert float(printed.split("from torch ")[1].split()[0]) <= 1e-4
    assert out.is_file()


def test_an_export_that_disagrees_is_not_written(run_folder, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "_traced", lambda model: onnx.load(exported.path))
    monkeypatch.setattr(export_module, "largest_difference", lambda *arguments: 0.01)
    with pytest.raises(ModelError, match=r"differ by 0\.01.*nothing was written"):
        export_onnx(load_model(run_folder), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_network_of_three_channels_is_exported(tmp_path):
    torch.manual_seed(9)
    network = build_network("squeezenet1_0", 3, in_channels=3)
    model = EkgModel(
        network, "ABC", 64, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), network_name="squeezenet1_0"
    ).eval()
    assert export_onnx(model, tmp_path / "m.onnx").largest_difference <= 1e-4


def test_engines_by_name_and_file(run_folder, exported, tmp_path):
    assert isinstance(open_engine(run_folder), TorchEngine)
    assert isinstance(open_engine(exported.path), OnnxEngine)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "weights.safetensors").symlink_to(run_folder / "weights.safetensors")
    (copy / "model.onnx").symlink_to(exported.path)
    engine = open_engine(copy, "onnx")
    assert isinstance(engine, OnnxEngine)
    assert engine.name == "small"
    with pytest.raises(ModelError, match="torch does not read ONNX"):
        open_engine(exported.path, "torch")
    with pytest.raises(ModelError, match="unknown engine 'jax'"):
        open_engine(run_folder, "jax")


def copy_with_export(run_folder, exported, folder):
    folder.mkdir()
    shutil.copy(run_folder / "weights.safetensors", folder)
    (folder / "model.onnx").symlink_to(exported.path)
    return folder


def test_the_export_beside_the_weights_is_the_default(run_folder, exported, tmp_path):
    folder = copy_with_export(run_folder, exported, tmp_path / "copy")
    images = check_images(64)
    chosen, by_torch = open_engine(folder), open_engine(folder, "torch")
    assert isinstance(chosen, OnnxEngine) and isinstance(by_torch, TorchEngine)
    assert chosen.weights_sha256 == by_torch.weights_sha256 != ""
    difference = chosen.probabilities(images) - by_torch.probabilities(images)
    assert np.abs(difference).max() <= 1e-4
    assert isinstance(open_engine(folder / "weights.safetensors"), TorchEngine)


def test_a_temperature_fitted_after_the_export_counts(run_folder, exported, tmp_path):
    folder = copy_with_export(run_folder, exported, tmp_path / "copy")
    (folder / "calibration.json").write_text('{"temperature": 1.7}')
    assert isinstance(open_engine(folder), OnnxEngine)
    (folder / "calibration.json").write_text('{"temperature": 2.5}')
    assert isinstance(open_engine(folder), TorchEngine)
    with pytest.raises(ModelError, match=r"with temperature 1\.7, now it is 2\.5; run python"):
        open_engine(folder, "onnx")


def test_figures_depend_neither_on_threads_nor_on_company(exported):
    images = check_images(64)
    one, two = OnnxEngine(exported.path, 1), OnnxEngine(exported.path, 2)
    together = one.probabilities(images)
    singly = [two.probabilities(picture[None])[0] for picture in images]
    np.testing.assert_array_equal(together, np.stack(singly))


def test_the_stored_models_export_gives_the_figures_of_its_weights():
    engine = open_engine(default_model())
    assert isinstance(engine, OnnxEngine)
    images = check_images(engine.image_size)[:3]
    expected = open_engine(default_model(), "torch").probabilities(images)
    assert np.abs(engine.probabilities(images) - expected).max() <= 1e-4


def test_an_export_of_other_weights_is_refused(exported, tmp_path):
    model = EkgModel(build_network(n_classes=2), "AB", 32)
    save_weights(tmp_path / "weights.safetensors", model.network.state_dict(), model.metadata)
    (tmp_path / "model.onnx").symlink_to(exported.path)
    with pytest.raises(ModelError, match=r"model\.onnx: .*run python -m ekg export --model"):
        open_engine(tmp_path, "onnx")
    assert isinstance(open_engine(tmp_path), TorchEngine)


def test_nothing_is_exported_while_reading(run_folder):
    before = sorted(path.name for path in run_folder.iterdir())
    with pytest.raises(ModelError, match=r"model\.onnx: .*run python -m ekg export --model"):
        open_engine(run_folder, "onnx")
    assert sorted(path.name for path in run_folder.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x0a" * 50])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.onnx: (cannot be read as an ONNX|its metadata)"):
        open_engine(tmp_path / "m.onnx")


def test_a_foreign_onnx_file_is_refused(exported, tmp_path):
    proto = onnx.load(exported.path)
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match="metadata lacks classes"):
        open_engine(tmp_path / "foreign.onnx")


def test_missing_files_and_wrong_names(run_folder, tmp_path, capsys):
    with pytest.raises(ModelError, match="file not found"):
        open_engine(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"named \*\.onnx"):
        export_onnx(load_model(run_folder), tmp_path / "m.bin")
    arguments = ["export", "--model", str(run_folder), "--out", str(tmp_path / "m.onnx")]
    assert main([*arguments, "--check-on", str(tmp_path)]) == 2
    assert "no *.png in this folder" in capsys.readouterr().err
