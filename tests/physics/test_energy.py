import pytest

from sim.physics.energy import energy_j

from .catalog_files import device


def test_an_idle_device_draws_its_idle_power() -> None:
    assert energy_j(device("h200-sxm"), 100.0, 0.0) == pytest.approx(80 * 100)


def test_a_device_that_always_computes_draws_its_peak() -> None:
    assert energy_j(device("h200-sxm"), 100.0, 100.0) == pytest.approx(700 * 100)
