import numpy as np

from sim.record.recorder import Recorder
from sim.record.usage import DeviceUsage, ExpertTokens, LinkUsage


def test_two_recorders_share_nothing() -> None:
    one, other = Recorder.of(links=2, devices=3), Recorder.of(links=2, devices=3)

    one.add_gap(0.5, 3)
    one.add_output(1.0, 4)
    one.links.bytes[0] += 1
    one.devices.flop[0] += 1

    assert other.gap_s.tolist() == other.output_at_s.tolist() == []
    assert other.links.bytes.sum() == other.devices.flop.sum() == 0


def test_each_sum_of_a_usage_is_its_own_array() -> None:
    links, devices = LinkUsage.of(2), DeviceUsage.of(3)

    links.busy_s += 1
    devices.wait_s += 1

    assert links.full_s.tolist() == [0, 0]
    assert devices.cut_s.tolist() == [0, 0, 0]


def test_gaps_and_outputs_are_kept_as_they_come() -> None:
    recorder = Recorder.of(links=0, devices=1)

    recorder.add_gap(0.5, 3)
    recorder.add_gap(0.25, 1)
    recorder.add_output(1.0, 4)

    assert list(zip(recorder.gap_s, recorder.gap_weights, strict=True)) == [(0.5, 3), (0.25, 1)]
    assert list(zip(recorder.output_at_s, recorder.output_tokens, strict=True)) == [(1.0, 4)]


def test_an_unused_expert_has_no_tokens() -> None:
    tokens = ExpertTokens.of("serve", 0, np.array([[0, 1], [1, 0]]), layers=(3, 4))

    assert tokens.counts.tolist() == [[0, 0], [0, 0]]
