"""Where a recorded routing is looked for, and which experts' keys do not go together."""

from pathlib import Path

import pytest

from sim.catalog.load import load_scenario
from sim.errors import ScenarioError
from sim.simulation import check

SCENARIO = """\
model: qwen3-30b-a3b
topology: {base: dgx-h100, groups: {gpu: {count: 2}, nic: {count: 2}, leaf: {count: 2}}}
deployment: {pools: [{attention: {dp: 2}}]}
engine: {profile: plain}
experts: {popularity: {kind: trace, file: routes.csv}}
workload: {base: chat, requests: 5}
"""


def test_a_recorded_routing_lies_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    rows = "".join(f"0,{token},{token % 3}\n" for token in range(30))
    (tmp_path / "routes.csv").write_text("layer,token,expert\n" + rows)

    asked = load_scenario(tmp_path / "mine.yaml")

    assert asked.experts.popularity.model_dump()["file"] == str(tmp_path / "routes.csv")
    law = check(asked).replicas[0].law
    assert law is not None
    assert (law.inclusion.argsort(axis=1)[:, -3:] < 3).all()


def test_a_recorded_routing_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SCENARIO)

    with pytest.raises(ScenarioError, match=r"mine.yaml:5: .*'routes.csv' is no file in"):
        load_scenario(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("experts", "said"),
    [
        ("redundant_experts: 32", "nobody knows of which experts to make 32 more copies"),
        ("rebalance: {every_steps: 9}, draws: device", "needs the tokens of each expert"),
        ("rebalance: {every_steps: 9, window_steps: 10}", "10 is above every_steps = 9"),
    ],
)
def test_what_does_not_go_together_is_refused(experts: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        load_scenario("chat-deepseek-r1", [f"experts={{{experts}}}"])


def test_copies_that_do_not_fill_the_devices_are_refused() -> None:
    settings = ["experts={placement: balanced, redundant_experts: 3}"]

    with pytest.raises(ScenarioError, match=r"do not lie evenly on ep = 8 groups; .* example 8"):
        check(load_scenario("chat-deepseek-r1", settings))
