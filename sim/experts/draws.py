"""How many tokens each expert or group gets in one step, and what must travel to get them there.

Tokens of a step are pooled over all ranks. Two draws with the same means:

- `expert`: each layer's slots draw once for each token (`slots.py`), so an expert's count is
  binomial, as it is in truth.
- `device`: one multinomial of k T copies over the groups; which experts were hit is averaged.
  Faster, but copies do not know of each other: a group that gets p copies of a token varies by
  p (1 - p / k), too much where a few popular experts make up p; and a group of fewer than k
  experts can get more copies than T tokens have, one expert of p = 0.5 with k = 8 once in 21
  draws at T = 4, in 370 at T = 16, in 14,000 at T = 32, in 16 million at T = 64.

Variance of a group's copies over that of tokens routed one by one, measured over 1,500 steps of
128 tokens (256 experts, top-8; uniform, Zipf 0.8 and lognormal 1.05; 32 and 256 groups): 0.98 to
1.02 for `expert`, 1.03 to 1.14 for `device`, summed over groups; for the most popular group 0.9
to 1.1 and 1.0 to 2.1; the mean of each step's largest count within 0.5 % and 2 %. Where routing
is group-limited and each run's experts share few devices (contiguous placement), a token's copies
clump, which neither draw knows: 0.90 to 0.95 and 0.94 to 1.13, the largest count up to 1.6 % low.
An expert's tokens are dealt to its copies by a binomial draw, as they are token by token.
Distinct tokens have the right mean, and only the part of their variance that follows from copies.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from sim.experts.law import Reach, RoutingLaw
from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray


class Draw(NamedTuple):
    """One step's routing of `tokens` tokens, in every layer of experts."""

    tokens: int
    expert_counts: IntArray | None
    """(layers, copies): tokens of each expert, or of each copy where some have several; None where
    only groups were drawn."""
    group_counts: FloatArray
    """(layers, groups): copies that each group gets, whole numbers; k * tokens in all."""
    activated: FloatArray
    """(layers, groups): experts (or copies) with any token; of a `device` draw, as many as are
    expected."""


def draw(
    law: RoutingLaw,
    tokens: int,
    generator: np.random.Generator,
    draws: Literal["expert", "device"],
    expected: "Callable[[int], FloatArray] | None" = None,
) -> Draw:
    """A step's counts; `expected` says what `expected_activated` does, if somebody remembers it."""
    if draws == "device":
        groups = _group_counts(law, tokens, generator)
        activated = expected_activated(law, tokens) if expected is None else expected(tokens)
        return Draw(tokens, None, groups, activated)
    experts = law.slots.counts(tokens, generator)
    copies = experts if law.copies is None else law.copies.drawn(experts, generator)
    return Draw(tokens, copies, law.by_group(copies), law.by_group(copies > 0))


def expected_activated(law: RoutingLaw, tokens: int) -> FloatArray:
    """The experts (layers, groups) that get any of so many tokens, on average."""
    # Below exp(-40) it is nothing beside 1; kept off the denormal numbers, which are slow.
    log_missed = tokens * np.log(np.maximum(1 - law.of_copies, np.finfo(np.float64).tiny))
    return law.by_group(-np.expm1(np.maximum(log_missed, -40.0)))


def exchange_weights(
    law: RoutingLaw, drawn: Draw, protocol: Literal["per-expert", "per-device", "per-node"]
) -> FloatArray:
    """The tokens that travel to each group, or to each group and then to each box.

    per-expert: every copy (layers, groups). per-device: a token once to each group that it
    touches (layers, groups). per-node: the same, for the way within a box, followed by the
    tokens that touch each box (layers, groups + boxes). A group of several devices needs its
    tokens on each of them.

    Distinct tokens are the mean for such copies (a regression: the mean over draws is exact),
    kept within what is possible: at most the tokens and the copies, enough for the copies; and
    in a box at least those of any of its groups and at most those of all together.
    """
    if protocol == "per-expert":
        return drawn.group_counts
    groups = distinct_tokens(law.groups, drawn.group_counts, drawn.tokens)
    if protocol == "per-device":
        return groups
    boxes = distinct_tokens(law.boxes, law.by_box(drawn.group_counts), drawn.tokens)
    return np.concatenate([groups, _consistent(law, boxes, groups)], axis=1)


def distinct_tokens(reach: Reach, copies: FloatArray, tokens: int) -> FloatArray:
    """The tokens (layers, parts) behind so many copies (layers, parts)."""
    expected = tokens * reach.touch + reach.slope * (copies - tokens * reach.copies)
    return np.minimum(
        np.maximum(expected, copies / reach.most_copies), np.minimum(copies, float(tokens))
    )


def _consistent(law: RoutingLaw, boxes: FloatArray, groups: FloatArray) -> FloatArray:
    order = np.argsort(law.box_of_group, kind="stable")
    starts = np.searchsorted(law.box_of_group[order], np.arange(boxes.shape[1]))
    least = np.maximum.reduceat(groups[:, order], starts, axis=1)
    return np.minimum(np.maximum(boxes, least), law.by_box(groups))


def _group_counts(law: RoutingLaw, tokens: int, generator: np.random.Generator) -> FloatArray:
    drawn = generator.multinomial(law.experts_per_token * tokens, law.groups.shares)
    return drawn.astype(np.float64)
