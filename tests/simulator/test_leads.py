import numpy as np
import pytest

from ekg.simulator import simulate_record
from ekg.simulator.acquisition import Placement, quantised
from ekg.simulator.leads import (
    DOWER,
    electrode_potentials,
    frank_vector,
    frontal_axis,
    independent_leads,
    torso_lead_field,
    twelve_leads,
)

INDEPENDENT = [0, 1, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("angle", [-150, -60, 0, 35, 90, 170])
def test_a_frank_vector_shows_its_angle_and_length_in_the_limb_leads(angle):
    leads = twelve_leads((DOWER @ frank_vector(1.5, angle, 0.7))[:, None])[:, 0]
    assert frontal_axis(leads[0], leads[5]) == pytest.approx(angle)
    assert leads[0] == pytest.approx(1.5 * np.cos(np.radians(angle)))


def test_electrodes_and_leads_are_two_views_of_the_same():
    leads = np.random.default_rng(1).standard_normal((8, 50))
    electrodes = electrode_potentials(leads)
    assert np.allclose(electrodes[:3].sum(axis=0), 0)  # Wilson's terminal is the zero
    assert np.allclose(independent_leads(electrodes), leads)


def test_einthoven_and_goldberger_hold_for_leads_of_any_electrodes():
    electrodes = np.random.default_rng(2).standard_normal((9, 40))
    i, ii, iii, avr, avl, avf = twelve_leads(independent_leads(electrodes))[:6]
    ra, la, ll = electrodes[:3]
    assert np.allclose(iii, ll - la)
    assert np.allclose(avr, ra - (la + ll) / 2)
    assert np.allclose(avl, la - (ra + ll) / 2)
    assert np.allclose(avf, ll - (ra + la) / 2)
    assert np.allclose(i + iii, ii)
    assert np.allclose(avr + avl + avf, 0)


def test_swapping_the_arms_turns_lead_one_and_exchanges_two_and_three():
    leads = np.random.default_rng(3).standard_normal((8, 30))
    right = twelve_leads(leads)
    order = Placement(swapped=("RA", "LA")).order()
    wrong = twelve_leads(independent_leads(electrode_potentials(leads)[order]))
    assert np.allclose(wrong[0], -right[0])
    assert np.allclose(wrong[1], right[2])
    assert np.allclose(wrong[3], right[4])
    assert np.allclose(wrong[6:], right[6:])


def test_raised_electrodes_change_v1_and_v2_alone():
    moved = Placement(raised=1.0).field(DOWER)
    assert (moved[2:4, 1] < DOWER[2:4, 1]).all()
    assert np.array_equal(np.delete(moved, [2, 3], axis=0), np.delete(DOWER, [2, 3], axis=0))


def test_a_torso_without_spread_is_the_average_one():
    assert np.array_equal(torso_lead_field(np.random.default_rng(0), spread=0), DOWER)
    spread = [torso_lead_field(np.random.default_rng(seed)) for seed in range(300)]
    # The mean of many torsos is the average one, to about three standard errors.
    assert np.allclose(np.mean(spread, axis=0), DOWER, atol=0.05)


def test_quantised_steps_are_whole():
    steps = quantised(np.linspace(-1, 1, 77), 0.00488) / 0.00488
    assert np.allclose(steps, np.round(steps))


@pytest.mark.parametrize("name", ["S0001", "S0012", "S0040"])
def test_the_relations_hold_exactly_in_a_simulated_recording(name):
    signal, _, _ = simulate_record(name)
    i, ii, iii, avr, avl, avf = signal[:6]
    assert np.abs(iii - (ii - i)).max() < 1e-9
    assert np.abs(avr + (i + ii) / 2).max() < 1e-9
    assert np.abs(avl - (i - ii / 2)).max() < 1e-9
    assert np.abs(avf - (ii - i / 2)).max() < 1e-9
    # Eight leads are measured; the noise of each electrode keeps them independent.
    assert np.linalg.matrix_rank(signal[INDEPENDENT]) == 8
