import numpy as np
import pytest
import torch

from ekg.errors import EvaluationError
from ekg.evaluation.saliency_file import (
    cascade,
    choose_examples,
    choose_sample,
    randomised_correlations,
    rank_correlation,
    stages_from_the_top,
)
from ekg.model import EkgModel, load_model
from ekg.predict.saliency import (
    empty_page,
    explain,
    explain_images,
    last_block,
    panel_of,
    probabilities_of,
)
from ekg.records.diagnoses import CLASSES
from ekg.records.record import LEADS
from tests.evaluation.conftest import toy_predictions


class Ink(torch.nn.Module):
    """How much darker than the grid a place is."""

    def forward(self, x):
        return (0.75 - x).clamp(min=0)


class OneLead(torch.nn.Module):
    """Says STE if the panel of lead V2 has ink, else Normal."""

    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.AvgPool2d(4), Ink())

    def forward(self, x):
        ink = self.features(x)
        rows, columns = panel_of(LEADS.index("V2"), ink.shape[-1])
        score = 60 * ink[:, 0, rows, columns].mean(dim=(1, 2)) - 3
        return score[:, None] * torch.nn.functional.one_hot(torch.tensor(6), 7)


@pytest.fixture(scope="module")
def one_lead():
    return EkgModel(OneLead(), image_size=192, mean=0.0, std=1.0).eval()


def page_with_ink(lead):
    page = empty_page(192).copy()
    rows, columns = panel_of(LEADS.index(lead), 192)
    page[rows, columns][8:-8, 8:-8] = 120
    return page


def test_panels_are_the_paper_layout():
    covered = np.zeros((800, 800), int)
    for lead in range(12):
        covered[panel_of(lead, 800)] += 1
    assert (covered == 1).all()
    assert panel_of(LEADS.index("aVR"), 800) == (slice(200, 400), slice(0, 267))
    assert panel_of(LEADS.index("V6"), 800) == (slice(600, 800), slice(533, 800))


def test_the_empty_page_has_a_grid_and_no_trace():
    from ekg.images.renderer import Renderer

    page = empty_page(200)
    flat = Renderer(200).draw(np.zeros((12, 1250)))
    assert (page >= flat).all() and (page > flat).any()
    rows, columns = panel_of(4, 200)
    inside = page[rows, columns][3:-3, 3:-3]
    assert inside.min() > 150 and len(np.unique(inside)) > 3
    with pytest.raises(ValueError, match="read-only"):
        page[0, 0] = 1


def test_occlusion_finds_the_lead_that_decides(one_lead):
    found = explain(one_lead, page_with_ink("V2"))
    assert found["class"] == "STE" and found["probability"] > 0.95
    drops = found["occlusion"]
    assert max(drops, key=drops.get) == "V2" and drops["V2"] > 0.8
    assert all(abs(drop) < 0.01 for lead, drop in drops.items() if lead != "V2")


def test_gradcam_points_at_the_lead_that_decides(one_lead):
    found = explain(one_lead, page_with_ink("V2"))["gradcam"]
    panel = panel_of(LEADS.index("V2"), found.shape[0])
    assert found.max() == 1 and found[panel].sum() == pytest.approx(found.sum())
    assert found[panel].mean() > 0.4


def test_maps_are_scaled_and_targets_can_be_chosen(toy_model):
    model = load_model(toy_model)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    found = explain_images(model, images)
    assert found.gradcam.min() >= 0 and found.gradcam.max() <= 1
    p = probabilities_of(model, images)
    assert found.targets.tolist() == p.argmax(axis=1).tolist()
    chosen = explain_images(model, images, np.array([2, 2, 2]))
    assert np.allclose(chosen.probabilities, p[:, 2])
    assert all(parameter.grad is None for parameter in model.parameters())


def test_other_networks_have_their_last_block():
    residual = torch.nn.Module()
    residual.layer4 = torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU())
    assert last_block(residual) is residual.layer4[1]
    with pytest.raises(EvaluationError, match="no last block is known of Linear"):
        last_block(torch.nn.Linear(2, 2))


def test_cascade_randomises_from_the_top_and_leaves_the_model(toy_model):
    model = load_model(toy_model)
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    assert [name for name, _ in stages_from_the_top(model.network)][:3] == [
        "classifier",
        "conv",
        "features.7",
    ]
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    for number, (_, randomised) in enumerate(cascade(model, 44)):
        same = torch.equal(
            randomised.network.state_dict()["features.0.0.weight"], before["features.0.0.weight"]
        )
        assert same == (number < 9)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())


def test_rank_correlation():
    a = np.random.default_rng(0).normal(size=(2, 5, 5))
    assert rank_correlation(a, a**3) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert np.isnan(rank_correlation(a, np.zeros_like(a)))


def test_randomised_correlations_are_repeatable(toy_model):
    model = load_model(toy_model)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    stages, one, last = randomised_correlations(model, images, np.array([0, 1]), 44)
    _, two, again = randomised_correlations(model, images, np.array([0, 1]), 44)
    assert len(stages) == 10 and np.array_equal(one, two, equal_nan=True)
    assert last == again or np.isnan(last)


def test_examples_are_the_surest_correct_ones():
    table = toy_predictions(80, skill=0.5)
    table = table[table["label"] != "STD"].reset_index(drop=True)
    examples = choose_examples(table, CLASSES)
    assert examples["label"].tolist() == [c for c in CLASSES if c != "STD"]
    for _, row in examples.iterrows():
        rows = table[(table["label"] == row["label"]) & (table["pred"] == row["label"])]
        assert row[f"p_{row['label']}"] == rows[f"p_{row['label']}"].max()
    shuffled = table.sample(frac=1, random_state=1)
    assert choose_examples(shuffled, CLASSES)["image"].tolist() == examples["image"].tolist()


def test_a_class_never_right_still_has_an_example():
    table = toy_predictions(40)
    table = table[(table["label"] != "AF") | (table["pred"] != "AF")]
    example = choose_examples(table, CLASSES).iloc[0]
    assert example["label"] == "AF" != example["pred"]


def test_the_sample_is_one_image_a_record_of_every_class():
    table = toy_predictions(100)
    sample = choose_sample(table, CLASSES, 44, 4)
    assert sample["record"].is_unique and (sample["label"].value_counts() == 4).all()
    again = choose_sample(table[table["record"] != "T0000"], CLASSES, 44, 4)
    assert len(set(sample["record"]) & set(again["record"])) >= 27


def test_published_network_looks_at_v1_for_left_bundle_branch_block(shared):
    """Where cardiologists look: a broad, deep S in V1 (record A0074 is labelled LBBB)."""
    from PIL import Image

    model = load_model(shared / "published_model" / "mobilenetv3_small_custom_37.model")
    found = explain(model, np.asarray(Image.open(shared / "golden" / "images" / "A0074_389.png")))
    assert found["class"] == "LBBB" and found["gradcam"].shape == (50, 50)
    assert max(found["occlusion"], key=found["occlusion"].get) == "V1"
