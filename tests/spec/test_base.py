import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.spec.arrivals import ClosedLoop, PoissonArrivals
from sim.spec.base import FROM_FILE
from sim.spec.device import DeviceSpec
from sim.spec.scenario import Record, Slo

DEVICE = {
    "name": "mine",
    "peak_flop_per_s": {"bf16": "1 PFLOP/s"},
    "memory_bytes": "80 GB",
    "memory_bytes_per_s": "3 TB/s",
    "idle_w": "70 W",
    "peak_w": "700 W",
    "source": "made up",
}


def test_the_unit_of_a_key_may_be_left_out() -> None:
    loop = ClosedLoop.model_validate({"kind": "closed-loop", "concurrency": 2, "think": "3 s"})

    assert loop.think_s == 3


def test_dash_and_underscore_are_the_same() -> None:
    assert Slo.model_validate({"ttft-s": "1 s"}).ttft_s == 1


@pytest.mark.parametrize(
    ("short", "full", "text"), [("memory", "memory_bytes", "96 GB"), ("peak", "peak_w", "600 W")]
)
def test_the_shorter_ending_is_meant_where_several_fit(short: str, full: str, text: str) -> None:
    others = {key: value for key, value in DEVICE.items() if key != full}

    device = DeviceSpec.model_validate({**others, short: text}, context=FROM_FILE)

    assert device == DeviceSpec.model_validate({**DEVICE, full: text}, context=FROM_FILE)


@pytest.mark.parametrize("keys", [("ttft", "ttft_s"), ("ttft-s", "ttft_s"), ("ttft", "ttft-s")])
def test_a_key_in_two_spellings_is_refused(keys: tuple[str, str]) -> None:
    with pytest.raises(ValidationError, match="given twice; keep one"):
        Slo.model_validate(dict.fromkeys(keys, "1 s"))


@pytest.mark.parametrize("number", [1, 1.0])
def test_a_number_without_a_unit_is_taken_from_python_and_refused_from_a_file(
    number: float,
) -> None:
    assert Slo(ttft_s=number).ttft_s == 1.0
    with pytest.raises(ValidationError, match="is not a number and a unit"):
        Slo.model_validate({"ttft_s": number}, context=FROM_FILE)


@pytest.mark.parametrize(
    "value", [True, None, "1", "", [1.0], float("nan"), float("inf"), -1.0, 0.0, 10**400]
)
def test_what_is_no_rate_is_refused_from_python_too(value: object) -> None:
    with pytest.raises(ValidationError):
        PoissonArrivals.model_validate({"kind": "poisson", "rate_per_s": value})


@pytest.mark.parametrize("value", [1, 0, "true", "yes", None])
def test_only_true_and_false_are_a_choice(value: object) -> None:
    with pytest.raises(ValidationError, match="transfers"):
        Record.model_validate({"transfers": value})


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Slo(ttft_s=1.0).ttft_s = 2.0  # type: ignore[misc]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Slo.model_validate({"ttftt": "1 s"})


@given(st.floats(1e-15, 1e30))
def test_a_quantity_survives_json_to_the_bit(seconds: float) -> None:
    slo = Slo(ttft_s=seconds)

    again = Slo.model_validate(slo.model_dump(mode="json"), context=FROM_FILE)

    assert again == slo


@pytest.mark.parametrize("source", [5, None, ["text"], {"peak_w": 5}, {5: "text"}])
def test_a_source_is_text_or_a_text_for_each_key(source: object) -> None:
    with pytest.raises(ValidationError, match="not a text or a text for each key") as refusal:
        DeviceSpec.model_validate({**DEVICE, "source": source})

    assert refusal.value.error_count() == 1
