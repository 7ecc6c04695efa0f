import importlib.util

import pytest


@pytest.mark.slow
def test_the_published_network_names_simulated_classes_far_above_chance(root, shared):
    specification = importlib.util.spec_from_file_location(
        "judge_simulator", root / "scripts" / "judge_simulator.py"
    )
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    weights = shared / "published_model" / "mobilenetv3_small_custom_37.model"
    truth, probabilities = script.predict_simulated(script.load_model(weights), 15, 44)
    result = script.metrics(truth, probabilities)
    assert result["macro_f1"] >= 0.35
    assert result["mean_auroc"] >= 0.80
    assert result["confusion"].sum() == 15 * 7
