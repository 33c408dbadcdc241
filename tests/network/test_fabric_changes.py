"""Transfers in flight while the network changes, by hand."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from simpy import Environment

from sim.network.carried import add_carried, carried
from sim.network.fabric import Fabric
from sim.network.flow import Moved, Part
from sim.network.instants import CHANGES, STARTS, call_at
from sim.network.loads import FloatArray, Loads
from sim.record.usage import LinkUsage
from tests.network.test_fabric import Ended, loads

LINKS = np.array([100.0, 50.0])


class Wire:
    """A network of two links that changes, and one transfer after another on it."""

    def __init__(self) -> None:
        self.env, self.usage = Environment(), LinkUsage.of(2)
        self.fabric = Fabric(self.env, LINKS, self.usage)
        self.ends: dict[str, Ended] = {}
        self.ways: dict[str, Loads | None] = {}

    def send(self, name: str, at_s: float, what: Loads) -> None:
        self.ways[name] = what

        def note(moved: Moved) -> None:
            self.ends[name] = Ended(self.env.now, moved)
            for one in carried(what, moved, LINKS):
                add_carried(self.usage, one)

        def start() -> None:
            done = self.fabric.transfer(what, name, anew=lambda: self.ways[name])
            done.callbacks.append(lambda event: note(event.value))

        call_at(self.env, at_s, STARTS, start)

    def change(
        self, at_s: float, capacity: FloatArray = LINKS, **ways: Callable[[Loads], Loads] | None
    ) -> None:
        """Others than those named go on as they are."""

        def happen() -> None:
            self.fabric.change(capacity)
            for name, way in ways.items():
                before = self.ways[name] or loads({0: 100.0})
                self.ways[name] = None if way is None else way(before)

        call_at(self.env, at_s, CHANGES, happen)

    def run(self) -> Mapping[str, Ended]:
        self.env.run()
        return self.ends


def as_before(what: Loads) -> Loads:
    return replace(what)


def over_link_1(what: Loads) -> Loads:
    return replace(what, links=np.array([1]), mask=2)


def test_what_is_left_goes_at_the_speed_of_a_degraded_link() -> None:
    # 100 bytes: 0.25 s of latency, 40 at 100 B/s, 60 at 25 B/s.
    wire = Wire()
    wire.send("a", 0.0, loads({0: 100.0}, latency_s=0.25))
    wire.change(0.65, np.array([25.0, 50.0]), a=as_before)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(0.25 + 0.4 + 60 / 25)
    assert wire.usage.bytes == pytest.approx([100.0, 0.0])
    assert wire.usage.busy_s == pytest.approx([2.8, 0.0])
    assert wire.usage.full_s == pytest.approx([2.8, 0.0])
    assert wire.usage.contended_s.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("at_s", "took_s"), [(0.0, 0.25 + 4.0), (0.1, 0.25 + 4.0), (2.0, 1.25)])
def test_before_and_after_its_bytes_it_is_as_if_the_link_were_so_for_good(
    at_s: float, took_s: float
) -> None:
    wire = Wire()
    wire.send("a", 0.0, loads({0: 100.0}, latency_s=0.25))
    wire.change(at_s, np.array([25.0, 50.0]), a=as_before)

    assert wire.run()["a"].at_s == pytest.approx(took_s)


def test_a_link_that_recovers_was_full_until_then() -> None:
    # 50 bytes at 25 B/s, then 50 at 100 B/s.
    wire = Wire()
    wire.change(0.0, np.array([25.0, 50.0]))
    wire.send("a", 0.0, loads({0: 100.0}))
    wire.change(2.0, a=as_before)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(2.5)
    assert wire.usage.full_s == pytest.approx([2.5, 0.0])


def test_one_that_does_not_notice_is_alone_to_the_bit() -> None:
    wire = Wire()
    wire.send("a", 0.1, loads({1: 7.0}, latency_s=0.2))
    wire.change(0.35, np.array([25.0, 50.0]))

    ends = wire.run()

    alone_s = 0.2 + 7.0 / 50
    assert ends["a"] == Ended(0.1 + alone_s, Moved(alone_s, was_alone=True))


def test_what_is_left_goes_another_way_and_every_byte_goes_once() -> None:
    # 30 bytes at 100 B/s over the first link, 70 at 50 B/s over the second.
    wire = Wire()
    what = loads({0: 100.0})
    wire.send("a", 0.0, what)
    wire.change(0.3, a=over_link_1)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(0.3 + 70 / 50)
    assert [part.share for part in ends["a"].moved.parts] == pytest.approx([0.3, 0.7])
    assert wire.usage.bytes == pytest.approx([30.0, 70.0])
    assert wire.usage.busy_s == pytest.approx([0.3, 1.4])


def test_without_a_way_it_waits_for_one() -> None:
    wire = Wire()
    wire.send("a", 0.0, loads({0: 100.0}))
    wire.change(0.3, a=None)
    wire.change(5.0, a=as_before)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(5.7)
    assert wire.usage.bytes == pytest.approx([100.0, 0.0])
    assert wire.usage.busy_s == pytest.approx([1.0, 0.0])


def test_without_a_way_for_good_it_never_ends_and_others_have_its_links() -> None:
    # Both share the link until 0.5 s; then the other has it alone for its 75 bytes.
    wire = Wire()
    wire.send("a", 0.0, loads({0: 100.0}))
    wire.send("b", 0.0, loads({0: 100.0}))
    wire.change(0.5, a=None)

    ends = wire.run()

    assert set(ends) == {"b"}
    assert ends["b"].at_s == pytest.approx(0.5 + 0.75)


def test_on_its_new_way_it_meets_who_is_there() -> None:
    # Until 0.5 s each has a link: 50 and 25 bytes go. Then 25 B/s each on the second: the first
    # needs 2 s more for 50 bytes; the other has moved 50 of its 75 by then, and all of the link.
    wire = Wire()
    wire.send("a", 0.0, loads({0: 100.0}))
    wire.send("b", 0.0, loads({1: 100.0}))
    wire.change(0.5, a=over_link_1)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(2.5)
    assert ends["b"].at_s == pytest.approx(3.0)
    assert wire.usage.bytes == pytest.approx([50.0, 150.0])
    assert wire.usage.contended_s == pytest.approx([0.0, 2.0])


def test_several_changes_leave_as_many_parts() -> None:
    wire = Wire()
    what = loads({0: 100.0})
    wire.send("a", 0.0, what)
    wire.change(0.25, a=over_link_1)
    wire.change(0.75, a=lambda _: what)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(1.25)
    assert [share for _, share in ends["a"].moved.parts] == pytest.approx([0.25, 0.25, 0.5])
    assert all(isinstance(part, Part) for part in ends["a"].moved.parts)
    assert wire.usage.bytes == pytest.approx([75.0, 25.0])


def test_it_waits_for_a_way_also_in_its_latency() -> None:
    wire = Wire()
    wire.send("a", 0.0, loads({0: 100.0}, latency_s=0.5))
    wire.change(0.3, a=None)
    wire.change(2.0, a=as_before)

    assert wire.run()["a"].at_s == pytest.approx(3.0)


def test_a_loss_is_put_down_to_the_link_that_was_full_at_that_time() -> None:
    # Both have 25 B/s for a second, by link 1, and lose half of it; then 12.5 B/s for 6 s, by
    # link 0, and lose half of these.
    wire = Wire()
    for name in ("a", "b"):
        wire.send(name, 0.0, loads({0: 100.0, 1: 100.0}))
    wire.change(1.0, np.array([25.0, 50.0]), a=as_before, b=as_before)

    ends = wire.run()
    wire.fabric.close()

    assert ends["a"].at_s == ends["b"].at_s == pytest.approx(7.0)
    found = wire.usage.meetings["a", "b"].lost_s
    assert found == pytest.approx(np.array([[3.0, 0.5], [3.0, 0.5]]))


def test_one_that_is_sent_another_way_before_its_first_byte_shares_with_who_is_there() -> None:
    # From 0.75 s both have 25 B/s: 62.5 bytes of the first take 2.5 s, then the second has 37.5.
    wire = Wire()
    wire.send("a", 0.0, loads({1: 100.0}))
    wire.send("b", 0.5, loads({0: 100.0}, latency_s=0.25))
    wire.change(0.6, b=over_link_1)

    ends = wire.run()

    assert ends["a"].at_s == pytest.approx(3.25)
    assert ends["b"].at_s == pytest.approx(4.0)
