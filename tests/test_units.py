import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import units

SI = sorted(units.SCALES)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(SI))
def test_a_quantity_is_read_back_as_it_was_written(value: float, unit: str) -> None:
    assert units.parse(units.write(value, unit), unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        # Bits are an eighth of a byte, kibi is 2^10, decimal prefixes are powers of ten.
        ("400 Gb/s", "B/s", 50e9),
        ("100 Gbit/s", "B/s", 12.5e9),
        ("80 GB", "B", 80_000_000_000),
        ("80 GiB", "B", 85_899_345_920),
        ("1 KiB", "B", 1024),
        ("1 kB", "B", 1000),
        ("2 PFLOP", "FLOP", 2e15),
        ("989.5 TFLOP/s", "FLOP/s", 989.5e12),
        ("200 us", "s", 200e-6),
        ("90 min", "s", 5400),
        ("2 h", "s", 7200),
        ("120 /min", "/s", 2),
        ("1.2 kW", "W", 1200),
        ("  5GB ", "B", 5e9),
        (".5 s", "s", 0.5),
        ("5. s", "s", 5),
        ("1e-6 s", "s", 1e-6),
        ("+3 s", "s", 3),
        ("-3 s", "s", -3),
    ],
)
def test_units_have_the_sizes_that_everybody_knows(text: str, unit: str, value: float) -> None:
    assert units.parse(text, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["", " ", "5", "s", "5 s s", "5 5 s", "nan s", "inf s", "0x5 s", "1_0 s", "٣ s", "1e s"]
)
def test_what_is_not_a_number_and_a_unit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write for example '50 ms'"):
        units.parse(text, "s")


@pytest.mark.parametrize("value", [5, 5.0, True, None, [5], {"s": 5}])
def test_only_a_text_is_a_quantity(value: object) -> None:
    with pytest.raises(ValueError, match="is not a number and a unit"):
        units.parse(value, "s")


@pytest.mark.parametrize(
    ("text", "unit"),
    [("5 GB", "s"), ("5 gb", "B"), ("5 gB/s", "B/s"), ("5 GB", "B/s"), ("5 KB", "B"), ("5 S", "s")],
)
def test_a_unit_of_another_kind_or_in_other_letters_is_refused(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match=r"unit '.*' is not one of .*; write for example"):
        units.parse(text, unit)


@given(st.text())
def test_any_text_is_read_or_refused_in_one_short_line(text: str) -> None:
    said = ""
    try:
        assert isinstance(units.parse(text, "B"), float)
    except ValueError as problem:
        said = str(problem)

    assert len(said.splitlines()) <= 1
    assert len(said) < 250


def test_a_long_text_costs_no_more_than_its_length() -> None:
    # Quadratic reading would take hours for these.
    texts = ["1" * 1_000_000, "1" * 1_000_000 + "!", "1" + " " * 1_000_000, "1." + "1" * 1_000_000]

    began_s = time.process_time()
    for text in texts:
        with pytest.raises(ValueError, match="is not a number and a unit"):
            units.parse(text, "s")

    assert time.process_time() - began_s < 1


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (80e9, "B", "80 GB"),
        (4.5e11, "B/s", "450 GB/s"),
        (0.0, "B", "0 B"),
        (0.25, "B", "0.25 B"),
        (12.3456e-6, "s", "12.35 us"),
        (1e-12, "s", "0.001 ns"),
        (90.0, "s", "90 s"),
        (0.0, "s", "0 s"),
        (0.03, "/s", "0.03 /s"),
        (-80e9, "B", "-80 GB"),
        (1500.0, "W", "1.5 kW"),
        (4.0, "/s", "4 /s"),
    ],
)
def test_a_quantity_is_shown_with_a_fitting_prefix(value: float, unit: str, shown: str) -> None:
    assert units.readable(value, unit) == shown


@given(st.floats(1e-9, 1e18), st.sampled_from(SI))
def test_what_is_shown_is_right_to_four_digits(value: float, unit: str) -> None:
    assert units.parse(units.readable(value, unit), unit) == pytest.approx(value, rel=5.1e-4)


def test_longer_endings_come_before_those_that_they_end_in() -> None:
    endings = list(units.UNIT_OF_SUFFIX)

    for number, ending in enumerate(endings):
        assert not any(later.endswith(ending) for later in endings[number + 1 :] if later != ending)


def test_every_unit_has_a_scale_and_is_its_own_size() -> None:
    assert set(units.UNIT_OF_SUFFIX.values()) == set(units.SCALES)
    assert all(scales[unit] == 1 for unit, scales in units.SCALES.items())
