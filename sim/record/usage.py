"""Sums by link, device and expert, to which a run adds as it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np


@dataclass(slots=True)
class LinkUsage:
    """What every link carried; the axis of each array is (links)."""

    bytes: np.ndarray
    busy_s: np.ndarray
    """With bytes of a transfer draining over it; latencies and launches are not in it."""
    full_s: np.ndarray
    """Holding somebody up: at its capacity, or at what a transfer's protocol makes of it."""
    contended_s: np.ndarray
    """With more than one transfer in flight on it."""
    peak_bytes_per_s: np.ndarray
    meetings: dict[tuple[str, str], "Meeting"] = field(default_factory=dict)
    """By the names of two users, in order."""

    @classmethod
    def of(cls, links: int) -> Self:
        """An unused network of so many links."""
        bytes_, busy_s, full_s, contended_s, peak = np.zeros((5, links))
        return cls(bytes_, busy_s, full_s, contended_s, peak)

    @property
    def lost_s(self) -> np.ndarray:
        """(links) What transfers lost there against what they take alone, added up."""
        lost_s = np.zeros(len(self.bytes))
        for meeting in self.meetings.values():
            lost_s += meeting.lost_s.sum(axis=0)
        return lost_s

    def meeting(self, one: str, other: str) -> "Meeting":
        """What is known of these two users, whose names are in order."""
        found = self.meetings.get((one, other))
        if found is None:
            found = self.meetings[one, other] = Meeting.of(len(self.bytes))
        return found


class Meeting(NamedTuple):
    """Two users of links: when they were on each together, and held each other up there."""

    together_s: np.ndarray
    """(links)"""
    lost_s: np.ndarray
    """(2, links): by the first, held up by the second, and the other way round."""

    @classmethod
    def of(cls, links: int) -> Self:
        """Two that have not met yet, on so many links."""
        return cls(np.zeros(links), np.zeros((2, links)))


@dataclass(slots=True)
class DeviceUsage:
    """What every device did; the axis of each array is (devices)."""

    compute_busy_s: np.ndarray
    wait_s: np.ndarray
    """For slower devices of its replica."""
    communication_s: np.ndarray
    overhead_s: np.ndarray
    cut_s: np.ndarray
    """In a step that the end of the run cut off."""
    flop: np.ndarray
    bytes: np.ndarray
    """Of its memory's traffic."""

    @classmethod
    def of(cls, devices: int) -> Self:
        """So many devices that have done nothing yet."""
        return cls(*(np.zeros(devices) for _ in range(7)))


@dataclass(slots=True)
class ExpertTokens:
    """How many tokens every expert of a replica was sent."""

    pool: str
    replica: int
    experts: np.ndarray
    """(layers, copies): the numbers of experts, each once where there are no copies of any; after
    experts have moved, followed by those of where they lie then."""
    devices: np.ndarray
    """(layers, copies): the number of the device on which the expert, or this copy of it, lies."""
    counts: np.ndarray
    """(layers, copies): tokens, a token once for each of its experts."""
    layers: Sequence[int]
    """Numbers in the model of the layers with experts."""
    fullest_counts: np.ndarray
    """(layers): tokens of the fullest device of each step, added up over the steps."""

    @classmethod
    def of(
        cls,
        pool: str,
        replica: int,
        devices: np.ndarray,
        layers: Sequence[int],
        experts: np.ndarray | None = None,
    ) -> Self:
        """Experts that nobody has used yet; by default there is one of each."""
        if experts is None:
            experts = np.broadcast_to(np.arange(devices.shape[1]), devices.shape)
        counts = np.zeros(devices.shape, dtype=np.int64)
        return cls(pool, replica, experts, devices, counts, layers, np.zeros(len(devices)))

    def lie(self, experts: np.ndarray, devices: np.ndarray) -> None:
        """Where experts lie from now on; tokens up to now stay with the devices they had."""
        copies = experts.shape[1]
        if np.array_equal(self.devices[:, -copies:], devices) and np.array_equal(
            self.experts[:, -copies:], experts
        ):
            return
        self.experts = np.concatenate([self.experts, experts], axis=1)
        self.devices = np.concatenate([self.devices, devices], axis=1)
        self.counts = np.concatenate([self.counts, np.zeros_like(devices)], axis=1)

    def add(self, tokens: np.ndarray, fullest: np.ndarray | None) -> None:
        """A step's tokens (layers, copies) where they lie now, and of the fullest device."""
        self.counts[:, -tokens.shape[1] :] += tokens
        self.fullest_counts += fullest
