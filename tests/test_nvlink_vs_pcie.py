"""results/nvlink_vs_pcie says what its summary says, and that is what is computed today."""

from pathlib import Path
from typing import Any

import pytest

from sim.report.link_study_figure import draw_link_study, needed, parts_of
from sim.study.nvlink_vs_pcie import (
    LOADS,
    MODELS,
    PLACES,
    Case,
    case_row,
    cases,
    read_summary,
    readme_table,
)
from sim.study.ready import ready_scenario

STUDY = Path(__file__).parent.parent / "results" / "nvlink_vs_pcie"
ROWS = read_summary(STUDY)
README = (STUDY / "README.md").read_text(encoding="utf-8")
NVLINK, RACK, ONE_SWITCH, DIRECT, TWO_SWITCHES, TWO_SOCKETS = (one.name for one in PLACES[:6])
PCIE = (ONE_SWITCH, DIRECT, TWO_SWITCHES, TWO_SOCKETS)
LLAMA, DEEPSEEK = (one.name for one in MODELS)


def kept(model: str, place: str, devices: int = 8, load: str = "saturated") -> dict[Any, Any]:
    """The row of a case in the summary."""
    return next(
        row
        for row in ROWS
        if (row["model"], row["topology"], row["devices"], row["load"])
        == (model, place, devices, load)
    )


def between(values: list[float], written: str = ".0f") -> str:
    """The least and the largest."""
    least, most = format(min(values), written), format(max(values), written)
    return least if least == most else f"{least}-{most}"


def on_pcie(model: str, column: str, load: str = "saturated") -> list[float]:
    """A figure on the four shapes."""
    return [kept(model, place, load=load)[column] for place in PCIE]


@pytest.mark.parametrize("load", [load.name for load in LOADS])
def test_the_readme_shows_the_summary(load: str) -> None:
    assert readme_table(ROWS, load) in README


def test_the_summary_has_the_cases_of_the_study() -> None:
    named = [(one.model.name, one.place.name, one.place.devices, one.load.name) for one in cases()]

    found = [(row["model"], row["topology"], row["devices"], row["load"]) for row in ROWS]
    assert found == named


@pytest.mark.parametrize("model", [LLAMA, DEEPSEEK])
def test_the_finding_has_the_figures_of_the_summary(model: str) -> None:
    text = " ".join(README.split())
    nvlink, light = kept(model, NVLINK), kept(model, NVLINK, load="light")
    output = on_pcie(model, "output_throughput")
    of_nvlink = [100 * one / nvlink["output_throughput"] for one in output]
    busy = [100 * one for one in on_pcie(model, "communication_share")]
    used = [100 * one for one in on_pcie(model, "fullest_link_utilization_share")]
    full = [100 * one for one in on_pcie(model, "fullest_link_full_share")]
    needs = on_pcie(model, "enough_speed_ratio")
    at_tb_per_s = [one / 1e12 for one in on_pcie(model, "enough_bytes_per_s")]
    slow_ms = on_pcie(model, "p50_tpot_ms", "light")

    for said in (
        f"{nvlink['output_throughput']:,.0f} tokens/s on NVLink 4",
        f"NVLink 4, {between(output, ',.0f')} on PCIe",
        f"({between(of_nvlink)} %)",
        f"from {100 * nvlink['communication_share']:.0f} to {between(busy)} % of the steps",
        f"used to {between(used)} %, full {between(full)} % of the time",
        f"NVLink 4 would have to be {nvlink['enough_speed_ratio']:.1f} times as fast",
        f"({nvlink['enough_bytes_per_s'] / 1e12:.1f} TB/s a device and direction)",
        f"PCIe {between(needs)} times ({between(at_tb_per_s, '.1f')} TB/s)",
        f"from {light['p50_tpot_ms']:.1f} to {between(slow_ms, '.1f')} ms",
    ):
        assert said in text


def test_the_first_page_has_them_too() -> None:
    text = " ".join((STUDY.parents[1] / "README.md").read_text(encoding="utf-8").split())
    makes = [
        between([100 * one / kept(model, NVLINK)["output_throughput"] for one in output])
        for model in (LLAMA, DEEPSEEK)
        for output in [on_pcie(model, "output_throughput")]
    ]
    needs = [between(on_pcie(model, "enough_speed_ratio")) for model in (LLAMA, DEEPSEEK)]

    assert f"Llama-3.1-70B makes {makes[0]} % of the tokens" in text
    assert f"on links {needs[0]} times as fast" in text
    assert f"DeepSeek-R1 makes {makes[1]} % and needs {needs[1]} times" in text


def test_what_is_said_of_other_places_is_in_the_summary() -> None:
    text = " ".join(README.split())
    two_boxes, pcie_boxes, itself = (one.name for one in (PLACES[6], PLACES[8], PLACES[9]))

    def output(model: str, place: str, devices: int) -> str:
        return f"{kept(model, place, devices)['output_throughput']:,.0f}"

    def busy(model: str, place: str, devices: int) -> str:
        return f"{100 * kept(model, place, devices)['communication_share']:.0f} %"

    for said in (
        f"{output(LLAMA, RACK, 8)} and {output(DEEPSEEK, RACK, 8)} tokens/s",
        f"{output(DEEPSEEK, two_boxes, 16)} tokens/s ({busy(DEEPSEEK, two_boxes, 16)})",
        f"{output(DEEPSEEK, RACK, 16)} ({busy(DEEPSEEK, RACK, 16)})",
        f"{output(LLAMA, pcie_boxes, 16)} tokens/s, and one switch with eight",
        f"with eight {output(LLAMA, ONE_SWITCH, 8)}",
        f"{output(DEEPSEEK, pcie_boxes, 16)} against {output(DEEPSEEK, ONE_SWITCH, 8)}",
        f"{output(LLAMA, itself, 8)} and {output(DEEPSEEK, itself, 8)} tokens/s",
        f"need {needed(kept(LLAMA, itself))} and {needed(kept(DEEPSEEK, itself))}",
    ):
        assert said in text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['topology']}")
def test_the_parts_of_the_picture_are_the_whole(row: dict[Any, Any]) -> None:
    parts = parts_of(row)

    assert sum(parts.values()) == pytest.approx(1, abs=1e-5)
    assert min(parts.values()) >= 0
    assert parts["all-reduce"] + parts["dispatch to experts"] + parts["combine"] == pytest.approx(
        row["communication_share"], abs=1e-5
    )


def test_links_alone_differ_so_what_is_computed_for_a_token_does_not() -> None:
    for model in (LLAMA, DEEPSEEK):
        computed_s = [
            parts_of(row)["computing"] / row["output_throughput"]
            for row in (kept(model, place) for place in (NVLINK, RACK, *PCIE))
        ]

        assert computed_s == pytest.approx([computed_s[0]] * 6, rel=0.01)


def test_all_but_the_last_have_the_same_devices_and_as_many_as_they_say() -> None:
    for place in PLACES:
        case = Case(MODELS[0], place, LOADS[0])
        deployed = ready_scenario(case.model.scenario, case.settings)
        is_last = place is PLACES[-1]

        assert {one.name for one in deployed.scenario.topology.devices} == {
            "gb200" if is_last else "h200-sxm"
        }
        assert [len(one.layout.devices) for one in deployed.replicas] == [place.devices]


def test_a_case_is_run_as_it_is_kept() -> None:
    small = LOADS[1]._replace(requests=1)

    row = case_row(Case(MODELS[0], PLACES[0], small))

    assert set(row) <= set(ROWS[0])
    assert (row["load"], row["devices"]) == ("light", 8)
    # No request but these eight, all at once: as fast as ever, and first of all their prompts.
    light = kept(LLAMA, NVLINK, load="light")
    assert row["p50_tpot_ms"] == pytest.approx(light["p50_tpot_ms"], rel=0.1)


def test_what_no_speed_ends_is_said() -> None:
    nan = float("nan")

    assert needed({"enough_speed_ratio": 2.51, "enough_communication_share": 0.1}) == "2.5 x"
    assert needed({"enough_speed_ratio": 1234.0, "enough_communication_share": 0.1}) == "1,234 x"
    assert needed({"enough_speed_ratio": nan, "enough_communication_share": 0.17}) == (
        "no speed: 17 % remain"
    )
    assert needed({"enough_speed_ratio": nan, "enough_communication_share": nan}) == ""


def test_both_pictures_are_written(tmp_path: Path) -> None:
    draw_link_study(tmp_path, ROWS, {LLAMA: "one"})

    assert {path.name for path in tmp_path.iterdir()} == {"figure.png", "figure.svg"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "place", "load"),
    [(0, 0, 0), (0, 2, 0), (0, 5, 1), (0, 6, 1), (1, 0, 1), (1, 4, 0), (1, 6, 1)],
)
def test_the_summary_is_what_is_computed_today(model: int, place: int, load: int) -> None:
    case = Case(MODELS[model], PLACES[place], LOADS[load])
    then = kept(case.model.name, case.place.name, case.place.devices, case.load.name)

    for name, value in case_row(case).items():
        assert value == (then[name] if isinstance(value, str) else pytest.approx(then[name], 1e-4))
