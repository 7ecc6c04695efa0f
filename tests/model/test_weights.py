import json
import os
import pickle

import pytest
import torch

from ekg.errors import EkgWarning, ModelError
from ekg.model import EkgModel, build_network, load_model, load_weights, save_weights


class Bomb:
    """What an ill-meant pickle looks like: unpickling it calls a function."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.fixture
def model():
    torch.manual_seed(1)
    return EkgModel(build_network(), image_size=96, temperature=1.5).eval()


@pytest.fixture
def weights_file(model, tmp_path):
    path = tmp_path / "run" / "weights.safetensors"
    save_weights(path, model.network.state_dict(), model.metadata)
    return path


def test_what_is_saved_is_loaded(model, weights_file):
    images = torch.randint(0, 256, (2, 1, 96, 96), dtype=torch.uint8)
    for path in (weights_file, weights_file.parent):
        again = load_model(path)
        assert not again.training
        assert again.metadata == model.metadata
        assert again.classes == model.classes
        assert again.name == "run"
        with torch.inference_mode():
            assert torch.equal(again.probabilities(images), model.probabilities(images))


def test_equal_weights_give_equal_files(model, weights_file, tmp_path):
    shuffled = dict(reversed(model.metadata.items()))
    save_weights(tmp_path / "again.safetensors", model.network.state_dict(), shuffled)
    assert (tmp_path / "again.safetensors").read_bytes() == weights_file.read_bytes()


def test_wrapped_names_are_unwrapped(model, tmp_path):
    wrapped = {f"module._orig_mod.{k}": v for k, v in model.network.state_dict().items()}
    path = tmp_path / "w.safetensors"
    save_weights(path, wrapped)
    assert list(load_weights(path)[0]) == sorted(model.network.state_dict())


def test_loading_leaves_the_random_state_alone(weights_file):
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    load_model(weights_file)
    assert torch.equal(torch.rand(3), expected)


def test_the_published_file_has_the_papers_settings(published):
    assert published.classes == ("AF", "I-AVB", "LBBB", "Normal", "RBBB", "STD", "STE")
    assert published.image_size == 800
    assert published.metadata["mean"] == 0.95816243
    assert published.temperature is None


def test_calibration_beside_the_weights_wins(weights_file):
    (weights_file.parent / "calibration.json").write_text(json.dumps({"temperature": 2.25}))
    assert load_model(weights_file.parent).temperature == 2.25


@pytest.mark.parametrize("content", ["{}", "no json", '{"temperature": "hot"}', "[1]"])
def test_a_damaged_calibration_is_refused(weights_file, content):
    (weights_file.parent / "calibration.json").write_text(content)
    with pytest.raises(ModelError, match=r"calibration\.json.*temperature"):
        load_model(weights_file)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
def test_a_pickle_that_would_run_code_is_refused(tmp_path, form, protocol):
    path, trace = tmp_path / "bad.model", tmp_path / "it_ran"
    content = {"features.0.0.weight": Bomb(trace)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    else:
        torch.save(
            content,
            path,
            pickle_protocol=max(protocol, 2),
            _use_new_zipfile_serialization=form == "zip",
        )
    with pytest.raises(ModelError, match=r"bad\.model"):
        load_model(path)
    assert not trace.exists()


def test_the_refusal_of_code_says_so(tmp_path):
    path = tmp_path / "bad.model"
    torch.save({"w": Bomb(tmp_path / "it_ran")}, path)
    with pytest.raises(ModelError, match=r"could run code.*safetensors"):
        load_weights(path)


@pytest.mark.parametrize("kept", [0, 1, 7, 9, 100, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(published_file, weights_file, tmp_path, kept):
    for whole in (published_file, weights_file):
        content = whole.read_bytes()
        cut = tmp_path / f"cut{whole.suffix}"
        cut.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
        with pytest.raises(ModelError, match=r"cut\.\w+: is not a complete"):
            load_model(cut)


def test_a_truncated_zip_is_refused(model, tmp_path):
    path = tmp_path / "cut.pt"
    torch.save(model.network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="truncated or corrupt"):
        load_model(path)


def test_missing_things_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere: model not found"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"weights file not found"):
        load_weights(tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"contains no weights\.safetensors"):
        load_model(tmp_path)
    (tmp_path / "w.txt").write_text("1")
    with pytest.raises(ModelError, match=r"'\.txt' is not that of a weights file"):
        load_model(tmp_path / "w.txt")


def test_a_folder_with_one_published_file_is_a_model(published_file, tmp_path):
    (tmp_path / "a.model").symlink_to(published_file)
    assert load_model(tmp_path).name == "a"
    (tmp_path / "b.model").symlink_to(published_file)
    with pytest.raises(ModelError, match=r"several weights files \(a\.model, b\.model\)"):
        load_model(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, build_network("squeezenet1_0").state_dict())
    with pytest.raises(ModelError, match=r"another network.*156 of 156 tensors missing.*unknown"):
        load_model(path)


def test_weights_of_other_classes_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, build_network(n_classes=5).state_dict())
    with pytest.raises(
        ModelError, match=r"classifier\.3\.weight: \(5, 1024\) in the file, \(7, 1024\)"
    ):
        load_model(path)


def test_an_unknown_network_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, build_network().state_dict(), {"network": "lenet"})
    with pytest.raises(ModelError, match=r"unknown network 'lenet'"):
        load_model(path)


def test_weights_that_are_not_numbers_are_refused(model, tmp_path):
    state_dict = model.network.state_dict()
    state_dict["conv.0.weight"][0] = float("nan")
    save_weights(tmp_path / "w.safetensors", state_dict)
    with pytest.raises(ModelError, match=r"conv\.0\.weight has values that are not numbers"):
        load_weights(tmp_path / "w.safetensors")


def test_something_else_than_a_state_dict_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(ModelError, match="not a state dict"):
        load_weights(tmp_path / "w.pt")


def test_only_safetensors_are_written(tmp_path):
    with pytest.raises(ModelError, match=r"\.safetensors"):
        save_weights(tmp_path / "w.pt", {})
    assert not list(tmp_path.iterdir())


def test_weights_without_class_names_are_warned_of(model, tmp_path):
    path = tmp_path / "colleague.pth"
    torch.save(model.network.state_dict(), path)
    with pytest.warns(EkgWarning, match=r"colleague\.pth names no classes: assuming"):
        loaded = load_model(path)
    assert loaded.notes == ("colleague.pth names no classes: assuming the paper's order",)


def test_the_order_of_named_and_published_classes_is_known(weights_file, shared, recwarn):
    published = next((shared / "published_model").glob("*.model"))
    assert load_model(weights_file).notes == load_model(published).notes == ()
    assert not [warning for warning in recwarn if issubclass(warning.category, EkgWarning)]


def test_the_published_folder_without_weights_says_how_to_fetch_them(tmp_path):
    (tmp_path / "published_figures.json").write_text("{}")
    with pytest.raises(ModelError, match="fetch the published weights: `make best-model`"):
        load_model(tmp_path)
