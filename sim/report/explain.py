"""Why a run took as long as it did, one question at a time: `moesim run --explain`."""

from collections.abc import Callable, Mapping

import pandas as pd

from sim.report.limits import Rows
from sim.simulation import Run

WORST_LINKS = 10
"""So many are shown."""
_PAIRS = 3
"""So many of each link's, and only such as lost anything."""
_ROUNDING = 1e-9
"""Of the time together: less than this part of it is what sums and differences leave over."""


def explain_links(run: Run) -> Mapping[str, Rows]:
    """The links that cost most by being shared, and who was on them; or else the fullest."""
    used = _rounded(run.links[run.links["bytes"] > 0].rename(columns={"bytes": "carried_bytes"}))
    if used.empty:
        return {"No bytes crossed a link": []}
    order = ["lost_s", "contended_s", "busy_share"]
    worst = used.sort_values(order, ascending=False, kind="stable").head(WORST_LINKS)
    contended = worst[worst["contended_s"] > 0]
    users = _rounded(run.link_users)
    if contended.empty:
        title = "Nobody met anybody on a link; the busiest links (shares of the run)"
        return {title: _rows(worst, _FIGURES)}
    return {
        "Worst links by time lost (shares of the run; lost: later than alone, of all transfers)": (
            _rows(worst, [*_FIGURES, "contended_share", "lost_s"])
        ),
        f"Who met on them, and what each lost by it (up to {_PAIRS} pairs a link)": [
            row for link in contended["link"] for row in _pair_rows(users, link)
        ],
    }


EXPLANATIONS: Mapping[str, Callable[[Run], Mapping[str, Rows]]] = {"links": explain_links}
"""By name: titled rows."""

_FIGURES = ["link", "kind", "capacity_bytes_per_s", "carried_bytes", "busy_share", "full_share"]


def _rows(frame: pd.DataFrame, columns: list[str]) -> Rows:
    return [dict(row) for _, row in frame[columns].iterrows()]


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    lost_s = frame["lost_s"]
    return frame.assign(lost_s=lost_s.where(lost_s > _ROUNDING * frame["contended_s"], 0.0))


def _pair_rows(users: pd.DataFrame, link: str) -> Rows:
    """Of one link: the pairs that lost most, each once."""
    here = users[users["link"] == link]
    turned = here.rename(columns={"user": "other", "other": "user", "lost_s": "other_lost_s"})
    both = here.merge(turned[["user", "other", "other_lost_s"]], on=["user", "other"])
    pairs = both[both["user"] <= both["other"]].rename(columns={"lost_s": "user_lost_s"})
    pairs = pairs.assign(lost_s=pairs["user_lost_s"] + pairs["other_lost_s"])
    pairs = pairs[pairs["lost_s"] > 0]
    order = ["lost_s", "contended_s"]
    worst = pairs.sort_values(order, ascending=False, kind="stable").head(_PAIRS)
    columns = ["link", "user", "user_lost_s", "other", "other_lost_s", "contended_s"]
    return _rows(worst, columns)
