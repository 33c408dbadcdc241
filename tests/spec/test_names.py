"""The convention of names: a float says its unit, or is listed here with its reason."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

import sim.spec
from sim.spec.base import Spec
from sim.units import UNIT_OF_SUFFIX

WITHOUT_UNIT = {
    "blocks": "counts of thread blocks",
    "buffers": "two sizes that carry their unit in the file",
    "burstiness": "the shape of a gamma distribution",
    "bytes": "of a movement; the name is the unit",
    "cache_gain": "how many times as fast",
    "chain_ends": "how many steps' bytes",
    "concentration": "the parameter of a Dirichlet distribution",
    "cv": "a standard deviation over its mean",
    "devices": "counts of devices",
    "exponent": "of a power law",
    "held_out_rows_median": "a relative error",
    "held_out_rows_p90": "a relative error",
    "held_out_shapes_median": "a relative error",
    "held_out_shapes_p90": "a relative error",
    "links": "speeds that carry their unit in the file",
    "mean": "of token counts, which have no unit",
    "median": "a relative error",
    "p90": "a relative error",
    "range_ratio": "of a length to its middle, as vLLM calls it",
    "rate_scale": "how many times as fast",
    "sigma": "a standard deviation of logarithms",
    "split_steps": "how many steps of a loop",
    "steps": "counts of steps of a loop",
    "time_scale": "how many times as long",
    "tokens": "counts of tokens",
    "weights": "only their ratios count",
    "worst": "a relative error",
    "window": "two instants that carry their unit in the file",
}
SHARES = ("_share", "_efficiency")


def specs() -> list[type[Spec]]:
    modules = [
        import_module(f"sim.spec.{one.name}") for one in pkgutil.iter_modules(sim.spec.__path__)
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Spec) and value is not Spec
    }
    return sorted(found, key=lambda spec: spec.__name__)


def has_float(annotation: Any) -> bool:
    return annotation is float or any(has_float(part) for part in get_args(annotation))


def float_fields() -> Iterator[tuple[str, FieldInfo]]:
    for spec in specs():
        for name, field in spec.model_fields.items():
            if has_float(field.annotation):
                yield name, field


def test_every_float_of_a_spec_has_a_unit_or_is_a_share_or_is_listed() -> None:
    names = {name for name, _ in float_fields()}

    without = {name for name in names if not name.endswith((*UNIT_OF_SUFFIX, *SHARES))}

    assert without == set(WITHOUT_UNIT)


def test_a_unit_in_a_name_is_the_unit_that_is_read() -> None:
    for name, field in float_fields():
        endings = [ending for ending in UNIT_OF_SUFFIX if f"_{name}".endswith(ending)]
        if not endings or name == "peak_flop_per_s":
            continue

        read = TypeAdapter(field.rebuild_annotation())

        assert read.validate_python(f"0.5 {UNIT_OF_SUFFIX[endings[0]]}") == 0.5, name


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.__name__)
def test_every_spec_is_described(spec: type[Spec]) -> None:
    assert spec.__doc__
    assert spec.__doc__.splitlines()[0].endswith((".", ",", ":"))
