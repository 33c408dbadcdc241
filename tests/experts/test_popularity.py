import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.experts.popularity import weights
from sim.spec.popularity import (
    DirichletPopularity,
    LognormalPopularity,
    TablePopularity,
    UniformPopularity,
    ZipfPopularity,
)


def test_uniform_experts_are_equally_popular() -> None:
    assert (weights(UniformPopularity(kind="uniform"), 3, 8, 1) == 1).all()


def test_zipf_weights_fall_with_the_rank_in_every_layer() -> None:
    rows = weights(ZipfPopularity(kind="zipf", exponent=2.0), 2, 4, 1)

    assert rows.tolist() == [[1, 1 / 4, 1 / 9, 1 / 16]] * 2


def test_lognormal_weights_have_the_asked_spread_and_differ_between_layers() -> None:
    rows = np.log(weights(LognormalPopularity(kind="lognormal", sigma=1.05), 50, 256, 1))

    # The standard error of a standard deviation over n normals is sigma / sqrt(2 n).
    spread = rows.std(axis=1).mean()
    assert spread == pytest.approx(1.05, abs=4 * 1.05 / np.sqrt(2 * 50 * 256) + 1.05 / 256)
    assert not (rows[0] == rows[1]).any()


def test_dirichlet_shares_have_the_closed_form_variance() -> None:
    rows = weights(DirichletPopularity(kind="dirichlet", concentration=0.6), 2000, 16, 1)
    shares = rows / rows.sum(axis=1, keepdims=True)

    # Variance of one share: (1/n)(1 - 1/n) / (n a + 1), n = 16, a = 0.6: 0.005528; the
    # relative standard error over 2,000 layers was measured as 0.7 %.
    assert shares.var() == pytest.approx(1 / 16 * 15 / 16 / (16 * 0.6 + 1), rel=0.03)


def test_a_draw_that_underflows_still_gives_every_expert_a_weight() -> None:
    rows = weights(
        DirichletPopularity.model_construct(kind="dirichlet", concentration=1e-3), 20, 64, 1
    )

    assert (rows > 0).all()


def test_one_row_of_a_table_serves_all_layers() -> None:
    rows = weights(TablePopularity(kind="table", weights=((1.0, 2.0),)), 3, 2, 1)

    assert rows.tolist() == [[0.5, 1.0]] * 3


def test_a_table_with_a_row_for_each_layer_is_taken_row_by_row() -> None:
    rows = weights(TablePopularity(kind="table", weights=((1.0, 2.0), (4.0, 1.0))), 2, 2, 1)

    assert rows.tolist() == [[0.5, 1.0], [1.0, 0.25]]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (((1.0, 2.0), (1.0, 2.0)), "has 2 rows; give one row for all layers, or 3"),
        (((1.0, 2.0, 3.0),), "row 0 has 3 numbers; give 2"),
    ],
)
def test_a_table_of_another_shape_is_refused(
    table: tuple[tuple[float, ...], ...], problem: str
) -> None:
    with pytest.raises(ScenarioError, match=problem):
        weights(TablePopularity(kind="table", weights=table), 3, 2, 1)


def test_the_seed_decides_the_weights() -> None:
    popularity = LognormalPopularity(kind="lognormal", sigma=1.0)

    assert (weights(popularity, 2, 8, 1) == weights(popularity, 2, 8, 1)).all()
    assert (weights(popularity, 2, 8, 1) != weights(popularity, 2, 8, 2)).any()
