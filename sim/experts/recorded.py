"""Weights of experts from a recorded routing: a CSV file with the columns layer, token, expert.

One row for each pick of a token in a layer. Only how often each expert was picked is kept: that a
token's neighbours pick alike, and that its picks in one layer follow from another, is lost. Layers
may have any numbers; in ascending order they are the model's layers of experts, or a single one
stands for all of them.

Of T tokens in a layer, an expert that was picked c times has the share p = (c + 1/2) / (T + 1), so
that one nobody picked can still be picked. A token that picks several experts does so as clocks
that ring until the last of them has (`inclusion.py`); were that always at one time, an expert would
be among them with p = 1 - exp(-weight). So the weight is -log(1 - p): picks then come back within
1 % with 256 experts, top-8, and within a tenth with 16, top-2. Where runs limit a token's choice
they come back with a larger error, a fifth for single experts under DeepSeek-V3's rule.
"""

from io import StringIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.errors import ScenarioError, one_line

FloatArray = npt.NDArray[np.float64]

_COLUMNS = ["layer", "token", "expert"]
_WHERE = "experts.popularity.file"


def recorded_weights(file: str, layers: int, experts: int) -> FloatArray:
    """The weights (layers, experts) behind the picks of a file."""
    shown = f"{_WHERE}: {one_line(file):.200}"
    layer, token, expert = _picks(file, shown)
    if expert.min() < 0 or expert.max() >= experts:
        wrong = int(expert.max() if expert.max() >= experts else expert.min())
        raise ScenarioError(
            f"{shown}: expert {wrong} is none of the model's, 0 to {experts - 1}; record the "
            "routing of this model"
        )
    numbers, row = np.unique(layer, return_inverse=True)
    if len(numbers) not in (1, layers):
        raise ScenarioError(
            f"{shown}: has {len(numbers)} layers; record one, which then stands for all, or the "
            f"model's {layers} layers of experts"
        )
    counts = np.zeros((len(numbers), experts))
    np.add.at(counts, (row, expert), 1)
    tokens = np.array([len(np.unique(token[row == one])) for one in range(len(numbers))])
    if (counts > tokens[:, None]).any():
        raise ScenarioError(f"{shown}: a token picks one expert twice; write each pick once")
    share = (counts + 0.5) / (tokens[:, None] + 1)
    weights = share if (counts.sum(axis=1) == tokens).all() else -np.log1p(-share)
    return np.array(np.broadcast_to(weights, (layers, experts)))


def _picks(file: str, shown: str) -> npt.NDArray[np.int64]:
    """The three columns."""
    try:
        first, _, rest = Path(file).read_text(encoding="utf-8").partition("\n")
        if [name.strip() for name in first.split(",")] != _COLUMNS:
            raise ScenarioError(
                f"{shown}: the first line is not 'layer,token,expert'; write it, and a row for "
                "each pick below it"
            )
        if not rest.strip():
            raise ScenarioError(f"{shown}: has no rows below its first line; write one a pick")
        rows = np.loadtxt(StringIO(rest), dtype=np.int64, delimiter=",", ndmin=2)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise ScenarioError(
            f"{shown}: {one_line(str(why)):.200}; give a CSV file of whole numbers"
        ) from None
    if rows.shape[1] != len(_COLUMNS):
        raise ScenarioError(
            f"{shown}: has rows of {rows.shape[1]} numbers; write three, layer,token,expert"
        )
    return rows.T
