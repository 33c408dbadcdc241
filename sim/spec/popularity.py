"""Which experts tokens choose: the weight of each in the choice."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import Count, MisfitError, Share, Spec

_Sigma = Annotated[float, Field(ge=0, le=10)]


class UniformPopularity(Spec):
    """Every expert equally likely."""

    kind: Literal["uniform"]


class ZipfPopularity(Spec):
    """Expert e (from 1) has weight e ** -exponent, in every layer."""

    kind: Literal["zipf"]
    exponent: Annotated[float, Field(ge=0, le=10)]
    """0 is uniform; the larger, the more tokens choose the first experts."""


class LognormalPopularity(Spec):
    """Weights drawn anew for each layer, exp(sigma * normal)."""

    kind: Literal["lognormal"]
    sigma: _Sigma | Annotated[tuple[_Sigma, ...], Field(strict=False, min_length=1)]
    """Standard deviation of the weights' logarithm; 0 is uniform. A list is spread evenly over the
    layers of experts, from the first to the last, with straight lines in between."""


class DirichletPopularity(Spec):
    """Weights drawn anew for each layer from a symmetric Dirichlet distribution."""

    kind: Literal["dirichlet"]
    concentration: Annotated[float, Field(ge=0.01)]
    """The smaller, the more uneven; large values come near to uniform."""


class TablePopularity(Spec):
    """Weights as given: one row for all layers, or a row for each layer of experts."""

    kind: Literal["table"]
    weights: Annotated[
        tuple[
            Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(strict=False, min_length=1)],
            ...,
        ],
        Field(strict=False, min_length=1),
    ]
    """Rows of weights, one for each expert."""

    @model_validator(mode="after")
    def _rows_are_equally_long(self) -> "TablePopularity":
        first = len(self.weights[0])
        for number, row in enumerate(self.weights):
            if len(row) != first:
                raise MisfitError(
                    ("weights", number),
                    f"has {len(row)} weights where row 0 has {first}; give one for each expert",
                )
        return self


class TracePopularity(Spec):
    """Weights from a recorded routing, by how often each expert was picked in each layer."""

    kind: Literal["trace"]
    file: Annotated[str, Field(min_length=1)]
    """A CSV file with the columns layer, token, expert; one row for each pick."""


class Drift(Spec):
    """Popularity that changes: every so often some experts of each layer swap their weights."""

    every_steps: Count | None = None
    """Steps of a replica after which popularity changes; by default it stays."""
    swapped_share: Share = 0.3
    """Part of each layer's experts whose weights are then dealt out anew among them."""


Popularity = Annotated[
    UniformPopularity
    | ZipfPopularity
    | LognormalPopularity
    | DirichletPopularity
    | TablePopularity
    | TracePopularity,
    Field(discriminator="kind"),
]
