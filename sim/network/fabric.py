"""Transfers in flight: each takes its latency, then shares its links with whoever is there.

A transfer that meets nobody is two timers and nothing else, and ends at exactly the instant that
its loads say. Those that share links, directly or through one another, form a crowd; every start
or end in it is a new sharing of that crowd alone, one for all that happens at an instant.

Where the network changes, what is left of a transfer goes on over the links, and at the speeds,
that it would have in the new one; its latency is not paid again. With no way left it waits for one.
"""

import math
from functools import reduce
from operator import or_

import numpy as np
from simpy import Environment, Event

from sim.network.accounting import add_interval
from sim.network.contention import Meetings, Moving
from sim.network.fairshare import rates
from sim.network.flow import Anew, Crowd, Flow, Moved, apart
from sim.network.instants import ENDS, RESHARE, STARTS, call_at
from sim.network.loads import FloatArray, Loads
from sim.record.usage import LinkUsage

# Rates closer than this are the same: the end that was planned stays.
_SAME_RATE = 1e-12


class Fabric:
    """All links of a cluster, and the transfers on them."""

    def __init__(
        self, env: Environment, capacity_bytes_per_s: FloatArray, usage: LinkUsage
    ) -> None:
        self._env = env
        self._capacity_bytes_per_s = capacity_bytes_per_s
        # Until the sharing at the end of an instant, what is accounted for happened before it.
        self._capacity_so_far = capacity_bytes_per_s
        self._usage = usage
        self._meetings = Meetings(usage, capacity_bytes_per_s)
        # Both are ordered sets.
        self._crowds: dict[Crowd, None] = {}
        self._stale: dict[Crowd, None] = {}
        self._is_changed = False
        # For a way.
        self._waiting: list[Flow] = []

    def transfer(
        self,
        loads: Loads,
        user: str,
        alone_ends_at_s: float | None = None,
        started_s: float | None = None,
        anew: Anew | None = None,
    ) -> Event:
        """Move bytes, from now on; the event comes at the end, with `Moved` as its value.

        `user` is whose it is, as in `main/0 all-reduce`: who met whom is accounted for by it. Who
        has reckoned already when it ends if it meets nobody can say so, to the last bit. One that
        started earlier has been alone so far. Where the network changes `anew` is asked, and who
        has none goes on as before.
        """
        done = self._env.event()
        started_s = self._env.now if started_s is None else started_s
        is_under_way = started_s < self._env.now
        capacity = self._capacity_so_far if is_under_way else self._capacity_bytes_per_s
        drain_s = float(loads.drain_s(capacity))
        alone_s = loads.latency_s + drain_s
        ends_at_s = started_s + alone_s if alone_ends_at_s is None else alone_ends_at_s
        if drain_s == 0:
            end = Moved(alone_s, was_alone=True)
            call_at(self._env, ends_at_s, ENDS, lambda: _succeed(done, end))
            return done
        flow = Flow(loads, user, done, started_s, drain_s, alone_s, ends_at_s, 1 / drain_s)
        flow.anew, flow.asked = anew, loads
        drains_at_s = started_s + loads.latency_s
        if drains_at_s < self._env.now:
            self._begin(flow, drains_at_s)
        else:
            call_at(self._env, drains_at_s, STARTS, lambda: self._begin(flow, drains_at_s))
        return done

    def close(self) -> None:
        """Write what is still to be worked out of who met whom."""
        self._meetings.settle()

    def change(self, capacity_bytes_per_s: FloatArray) -> None:
        """From now on links carry so much, and transfers are asked which way they go."""
        self._capacity_bytes_per_s = capacity_bytes_per_s
        self._is_changed = True
        call_at(self._env, self._env.now, RESHARE, self._reshare)

    def _begin(self, flow: Flow, since_s: float) -> None:
        """Put the first byte on the links; or those that are left, if it is there since earlier."""
        if flow.anew is not None and since_s >= self._env.now:
            loads = flow.anew()
            if loads is not flow.asked:
                self._begin_elsewhere(flow, loads)
                return
        mask = flow.loads.mask
        met = [crowd for crowd in self._crowds if crowd.mask & mask]
        if met:
            flow.left_share -= flow.share_per_s * (self._env.now - since_s)
            self._join(flow, met)
            return
        self._form([flow], mask).since_s = since_s
        self._plan_end(flow, flow.alone_ends_at_s)

    def _begin_elsewhere(self, flow: Flow, loads: Loads | None) -> None:
        """Put the first byte on the links of a network that changed in the latency before it."""
        flow.redirect(loads, self._capacity_bytes_per_s)
        if loads is None:
            self._waiting.append(flow)
            return
        met = [crowd for crowd in self._crowds if crowd.mask & loads.mask]
        self._join(flow, met)

    def _join(self, flow: Flow, met: list[Crowd]) -> None:
        flow.share_per_s = 0.0
        mask = reduce(or_, (crowd.mask for crowd in met), flow.loads.mask)
        flows = [*(other for crowd in met for other in self._loosened(crowd)), flow]
        flow.was_alone = False
        flow.loads = flow.loads.on_links()
        self._share_anew(self._form(flows, mask))

    def _end(self, flow: Flow, timer_number: int) -> None:
        # SimPy cannot cancel a timer, so one that a later plan replaced is ignored here.
        if timer_number != flow.timer_number:
            return
        crowd = flow.crowd
        if flow.was_alone:
            self._dissolve(crowd)
            flow.done.succeed(Moved(flow.alone_s, was_alone=True))
            return
        self._account(crowd)
        crowd.flows.remove(flow)
        crowd.mask = reduce(or_, (other.loads.mask for other in crowd.flows), 0)
        self._share_anew(crowd)
        took_s = self._env.now - flow.started_s
        flow.done.succeed(Moved(took_s, was_alone=False, parts=flow.all_parts()))

    def _account(self, crowd: Crowd) -> None:
        """Bring a crowd's use of links, and what is left of each transfer, up to now."""
        interval_s = self._env.now - crowd.since_s
        if interval_s == 0:
            return
        moving = [
            Moving(flow.loads, flow.share_per_s, flow.user, 1 - flow.share_per_s * flow.drain_s)
            for flow in crowd.flows
        ]
        add_interval(self._usage, moving, interval_s, self._capacity_so_far)
        if len(moving) > 1:
            self._meetings.add(moving, interval_s)
        for flow in crowd.flows:
            flow.left_share -= flow.share_per_s * interval_s
        crowd.since_s = self._env.now

    def _share_anew(self, crowd: Crowd) -> None:
        """Once all starts and ends of this instant are in."""
        if not self._stale:
            call_at(self._env, self._env.now, RESHARE, self._reshare)
        self._stale[crowd] = None

    def _reshare(self) -> None:
        if self._is_changed:
            self._go_on_anew()
        stale, self._stale = self._stale, {}
        for crowd in stale:
            self._dissolve(crowd)
            for flows, mask in apart(crowd.flows):
                self._form(flows, mask)
                self._set_rates(flows)

    def _go_on_anew(self) -> None:
        """Let those for whom the network has changed go on in it, with all whom they meet there."""
        self._is_changed = False
        loose: list[Flow] = []
        redirected: list[tuple[Flow, Loads | None]] = []
        for crowd in list(self._crowds):
            found = [(flow, flow.anew()) for flow in crowd.flows if flow.anew is not None]
            found = [(flow, loads) for flow, loads in found if loads is not flow.asked]
            if found:
                redirected += found
                loose += self._loosened(crowd)
        waited, self._waiting = self._waiting, []
        redirected += [(flow, flow.anew()) for flow in waited if flow.anew is not None]
        loose += waited
        for flow, loads in redirected:
            if loads is not None or flow.asked is not None:
                flow.redirect(loads, self._capacity_bytes_per_s)
        self._waiting = [flow for flow in loose if flow.asked is None]
        moving = [flow for flow in loose if flow.asked is not None]
        mask = reduce(or_, (flow.loads.mask for flow in moving), 0)
        for crowd in [crowd for crowd in self._crowds if crowd.mask & mask]:
            moving += self._loosened(crowd)
        for flows, of_part in apart(moving):
            self._form(flows, of_part)
            self._set_rates(flows)
        self._capacity_so_far = self._capacity_bytes_per_s
        self._meetings.change(self._capacity_bytes_per_s)

    def _loosened(self, crowd: Crowd) -> list[Flow]:
        """The transfers of a crowd that is no more, each of which has now met somebody."""
        self._account(crowd)
        self._dissolve(crowd)
        for flow in crowd.flows:
            flow.was_alone = False
            flow.loads = flow.loads.on_links()
        return crowd.flows

    def _set_rates(self, flows: list[Flow]) -> None:
        for flow, share_per_s in zip(flows, self._rates(flows), strict=True):
            if not math.isclose(share_per_s, flow.share_per_s, rel_tol=_SAME_RATE):
                flow.share_per_s = share_per_s
                left_s = max(flow.left_share, 0.0) / share_per_s
                self._plan_end(flow, self._env.now + left_s)

    def _rates(self, flows: list[Flow]) -> list[float]:
        if len(flows) == 1:
            return [1 / flows[0].drain_s]
        bytes_ = np.zeros((len(flows), len(self._capacity_bytes_per_s)))
        streams = np.zeros_like(bytes_)
        for row, flow in enumerate(flows):
            bytes_[row, flow.loads.links] = flow.loads.bytes
            streams[row, flow.loads.links] = flow.loads.streams
        least_drain_s = np.array([flow.loads.least_drain_s for flow in flows], dtype=np.float64)
        used = np.flatnonzero(bytes_.any(axis=0))
        capacity = self._capacity_bytes_per_s[used]
        shared = rates(bytes_[:, used], streams[:, used], capacity, least_drain_s)
        return [share_per_s.item() for share_per_s in shared]

    def _plan_end(self, flow: Flow, at_s: float) -> None:
        flow.timer_number += 1
        number = flow.timer_number
        call_at(self._env, at_s, ENDS, lambda: self._end(flow, number))

    def _form(self, flows: list[Flow], mask: int) -> Crowd:
        crowd = Crowd(flows, mask, self._env.now)
        for flow in flows:
            flow.crowd = crowd
        self._crowds[crowd] = None
        return crowd

    def _dissolve(self, crowd: Crowd) -> None:
        del self._crowds[crowd]
        self._stale.pop(crowd, None)


def _succeed(done: Event, end: Moved) -> None:
    done.succeed(end)
