"""The commands that price operators and kernels; nothing is simulated."""

from enum import StrEnum
from typing import Annotated

import typer


class Mla(StrEnum):
    """How latent attention is computed."""

    AUTO = "auto"
    ABSORBED = "absorbed"
    EXPANDED = "expanded"


class Element(StrEnum):
    """Types of numbers."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP8 = "fp8"
    FP4 = "fp4"


_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
_Engine = Annotated[
    str,
    typer.Option(
        "--engine", "--profile", help="The engine profile: its efficiencies and overheads."
    ),
]


def roofline(
    model: Annotated[str, typer.Argument(help="A model's name, or the path of its file.")],
    device: Annotated[str, typer.Option(help="An accelerator's name, or the path of its file.")],
    batch: Annotated[int, typer.Option(help="Sequences.")],
    length: Annotated[int, typer.Option(help="Tokens that each attends to; of a prefill, new.")],
    prefill: Annotated[bool, typer.Option("--prefill", help="Whole prompts, no decode.")] = False,
    precision: Annotated[Element, typer.Option(help="Of the weights.")] = Element.BF16,
    kv: Annotated[Element, typer.Option(help="Of keys and values.")] = Element.BF16,
    tp: Annotated[int, typer.Option(help="Devices that split each layer; one is shown.")] = 1,
    mla: Annotated[Mla, typer.Option(help="How latent attention is computed.")] = Mla.AUTO,
    engine: _Engine = "ideal",
    as_json: _Json = False,
) -> None:
    """Intensity, bound and time of each operator, beside the device's ridge."""
    from sim.report import output
    from sim.study.roofline import Step, roofline_rows

    step = Step(batch, length, is_prefill=prefill)
    ridges, rows = roofline_rows(
        model, device, engine, step, {"weights": precision.value, "kv": kv.value}, tp, mla.value
    )
    if as_json:
        output.show_json({"ridges": ridges, "operators": rows})
    else:
        output.show_rows({f"{model} on {device} ({engine})": rows})
        output.show_figures("Ridge", ridges)


def kernel(
    device: Annotated[str, typer.Argument(help="An accelerator's name or alias.")],
    kind: Annotated[str, typer.Argument(help="gemm, mla_decode, all_reduce, ep_dispatch, ...")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="All that the kind needs.")
    ] = None,
    engine: _Engine = "plain",
    as_json: _Json = False,
) -> None:
    """Price one kernel or collective."""
    from sim.report import output
    from sim.study.kernels import kernel_price

    price = kernel_price(device, kind, parameters or [], engine)
    title = f"{kind} on {device}"
    output.show_json(price) if as_json else output.show_figures(title, price)
