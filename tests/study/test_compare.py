import pytest

from sim.errors import ScenarioError
from sim.study.compare import variation


@pytest.mark.parametrize(
    ("written", "key", "values"),
    [
        ("topology=a,b", "topology", ("a", "b")),
        ("topology = a , b", "topology", ("a", "b")),
        ("seed=1", "seed", ("1",)),
        ("a.b=[1, 2],[3]", "a.b", ("[1, 2]", "[3]")),
        (
            "popularity={kind: zipf, exponent: 1},{kind: uniform}",
            "popularity",
            ("{kind: zipf, exponent: 1}", "{kind: uniform}"),
        ),
        ("path=a=b,c", "path", ("a=b", "c")),
    ],
)
def test_values_stand_between_commas_that_are_in_no_brackets(
    written: str, key: str, values: tuple[str, ...]
) -> None:
    assert variation(written) == (key, values)


@pytest.mark.parametrize("written", ["", "topology", "=a", "topology=", "topology=a,,b", "a=b,b"])
def test_what_is_no_variation_is_refused(written: str) -> None:
    with pytest.raises(ScenarioError, match="--vary"):
        variation(written)
