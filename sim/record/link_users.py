"""The frame of who met whom on which link, and who held up whom there."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim.record.frames import typed_frame
from sim.record.usage import LinkUsage, Meeting


def link_users_frame(names: Sequence[str], usage: LinkUsage) -> pd.DataFrame:
    """Two rows for two users that were on a link together, one from the side of each.

    contended: both had bytes draining over the link. lost: what `user` was slower by than alone,
    put down to this link and to `other`; over all links and others it adds up to how much later
    than alone the transfers of `user` ended. A user that meets itself has one row.
    """
    parts = [
        part
        for (one, other), meeting in usage.meetings.items()
        for part in _both_sides(one, other, meeting)
    ]
    if not parts:
        return typed_frame("link_users", {})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((columns["other"], columns["user"], columns["link"]))
    ordered = {name: column[order] for name, column in columns.items()}
    return typed_frame("link_users", ordered | {"link": [names[link] for link in ordered["link"]]})


def _both_sides(one: str, other: str, meeting: Meeting) -> list[dict[str, np.ndarray]]:
    links = np.flatnonzero(meeting.together_s)
    if one == other:
        sides = [(one, one, meeting.lost_s.sum(axis=0))]
    else:
        sides = [(one, other, meeting.lost_s[0]), (other, one, meeting.lost_s[1])]
    return [
        {
            "link": links,
            "user": np.full(len(links), user, dtype=object),
            "other": np.full(len(links), beside, dtype=object),
            "contended_s": meeting.together_s[links],
            "lost_s": lost_s[links],
        }
        for user, beside, lost_s in sides
    ]
