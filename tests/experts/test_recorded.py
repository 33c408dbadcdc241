"""Popularity counted from a recorded routing."""

from pathlib import Path

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.experts.law import routing_law
from sim.experts.popularity import weights
from sim.experts.recorded import recorded_weights
from sim.experts.routing import Choice, route
from sim.spec.popularity import TracePopularity
from tests.experts.test_law import LOGNORMAL

HEAD = "layer,token,expert\n"


def written(path: Path, text: str) -> str:
    file = path / "routes.csv"
    file.write_text(text)
    return str(file)


def test_the_counts_of_single_picks_by_hand(tmp_path: Path) -> None:
    # Of four tokens three picked expert 0, one expert 2, none expert 1: 3.5, 0.5 and 1.5 of 5.
    file = written(tmp_path, HEAD + "7,0,0\n7,1,0\n7,2,0\n7,3,2\n")

    found = recorded_weights(file, 2, 3)

    assert found.tolist() == [[pytest.approx(one) for one in (0.7, 0.1, 0.3)]] * 2


def test_layers_come_in_ascending_order(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + "9,0,1\n3,0,0\n")

    first, second = recorded_weights(file, 2, 2)

    assert first[0] > first[1]
    assert second[1] > second[0]


def test_picks_come_back_as_often_as_they_were_recorded(tmp_path: Path) -> None:
    given = weights(LOGNORMAL, 1, 64, 1)[0]
    picks = route(given, Choice(6), 20_000, np.random.default_rng(1))
    rows = [f"0,{token},{one}" for token, picked in enumerate(picks) for one in picked]
    popularity = TracePopularity(kind="trace", file=written(tmp_path, HEAD + "\n".join(rows)))

    back = weights(popularity, 1, 64, 1)

    law = routing_law(back, Choice(6), np.zeros((1, 64), dtype=int), np.zeros(1, dtype=int), 1)
    share = np.bincount(picks.ravel(), minlength=64) / 20_000
    error = 4 * np.sqrt(share * (1 - share) / 20_000) + 0.03 * share
    assert (np.abs(law.inclusion[0] - share) < error).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layer,expert\n0,1\n", "the first line is not 'layer,token,expert'"),
        (HEAD, "has no rows below its first line"),
        (HEAD + "0,0,x\n", "'x' to int64 at row 0"),
        (HEAD + "0,0\n", "has rows of 2 numbers"),
        (HEAD + "0,0,4\n", "expert 4 is none of the model's, 0 to 3"),
        (HEAD + "0,0,-1\n", "expert -1 is none"),
        (HEAD + "0,0,1\n1,0,1\n", "has 2 layers; record one"),
        (HEAD + "0,0,1\n0,0,1\n", "a token picks one expert twice"),
    ],
)
def test_what_is_no_recorded_routing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        recorded_weights(written(tmp_path, text), 3, 4)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        recorded_weights("nowhere.csv", 3, 4)
