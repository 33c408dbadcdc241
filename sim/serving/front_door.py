"""Where requests enter: each is sent to a replica, and the end of the run is noticed."""

from collections.abc import Sequence

import simpy

from sim.serving.replica import Replica
from sim.serving.router import Policy
from sim.serving.sequence import ServedSequence
from sim.workload.requests import Request


class FrontDoor:
    """Routes requests and counts those that ended; `closed` happens with the last one."""

    def __init__(
        self, env: simpy.Environment, replicas: Sequence[Replica], policy: Policy, last: int
    ) -> None:
        self.closed = env.event()
        self._env = env
        self._replicas = replicas
        self._open = replicas
        self._waiting: list[ServedSequence] = []
        self._policy = policy
        self.submitted = 0
        self.last_s = 0.0
        """When a request came or ended, the last time that one did."""
        self._still_to_end = last

    def submit(self, request: Request) -> simpy.Event:
        """Send a request to a replica; the event is its end, however it ends."""
        self.last_s = self._env.now
        answered = self._env.event()
        answered.callbacks.append(self._count)
        sequence = ServedSequence(request, self._env.now, answered)
        if self._open:
            self._send(sequence)
        else:
            self._waiting.append(sequence)
        return answered

    def open_to(self, replicas: Sequence[Replica]) -> None:
        """Send nobody to others from now on; with none of them, requests wait here."""
        self._open = replicas
        if replicas:
            waiting, self._waiting = self._waiting, []
            for sequence in waiting:
                self._send(sequence)

    def stop(self) -> None:
        """Leave who still waits when the run ends to the replicas that stand still, unfinished."""
        self.open_to(self._replicas)

    def _send(self, sequence: ServedSequence) -> None:
        replica = self._open[self._choice()]
        self.submitted += 1
        replica.submit(sequence)

    def _choice(self) -> int:
        if len(self._open) == 1:
            return 0
        return self._policy(self.submitted, self._open)

    def _count(self, _: simpy.Event) -> None:
        self.last_s = self._env.now
        self._still_to_end -= 1
        if self._still_to_end == 0:
            self.closed.succeed()
