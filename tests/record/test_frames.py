import math

import numpy as np
import pytest

from sim.errors import SimulationError
from sim.record.experts_frame import experts_frame
from sim.record.frames import DTYPES, devices_frame, links_frame, requests_frame
from sim.record.link_users import link_users_frame
from sim.record.recorder import Recorder, RequestRow
from sim.record.row_table import RowTable
from sim.record.usage import DeviceUsage, ExpertTokens, LinkUsage
from tests.record.example import frames, recorder, request


def empty() -> Recorder:
    return Recorder.of(links=2, devices=3)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("made", [recorder(), empty()], ids=["run", "empty"])
def test_columns_and_their_types_are_the_same_with_and_without_rows(
    name: str, made: Recorder
) -> None:
    frame = frames(made)[name]

    found = {column: str(dtype) for column, dtype in frame.dtypes.items()}
    assert found == {column: dtype.split("[")[0] for column, dtype in DTYPES[name].items()}
    assert list(found) == list(DTYPES[name])


def test_requests_are_in_order_of_their_numbers() -> None:
    assert frames(recorder())["requests"]["request"].tolist() == [0, 1, 2, 3]


def test_the_times_of_a_request_follow_from_its_instants() -> None:
    found = frames(recorder())["requests"].iloc[0]

    # Arrived at 1 s, first token at 1.5 s, the other two by 3.5 s.
    assert (found["ttft_s"], found["tpot_s"], found["e2e_s"]) == (0.5, 1.0, 2.5)


def test_an_answer_of_one_token_has_no_time_per_later_token() -> None:
    found = frames(recorder())["requests"].iloc[1]

    assert (found["ttft_s"], found["e2e_s"]) == (0.5, 0.5)
    assert math.isnan(found["tpot_s"])


@pytest.mark.parametrize("number", [2, 3])
def test_what_did_not_happen_is_nan(number: int) -> None:
    found = frames(recorder())["requests"].iloc[number]

    assert math.isnan(found["finish_s"])
    assert math.isnan(found["e2e_s"])
    assert math.isnan(found["tpot_s"])


def test_a_rank_is_a_whole_number_also_where_another_is_missing() -> None:
    ranks = frames(recorder())["requests"]["rank"]

    assert ranks.iloc[0] == 0
    assert ranks.isna().tolist() == [False, False, True, False]


def test_link_shares_are_of_the_run_and_of_the_capacity() -> None:
    first = frames(recorder())["links"].iloc[0]

    # 60 bytes of the 400 that 4 s could carry; busy 1 s and full half a second of 4 s.
    assert first["utilization_share"] == 0.15
    assert (first["busy_share"], first["full_share"]) == (0.25, 0.125)


def test_two_that_met_have_a_row_from_the_side_of_each() -> None:
    found = frames(recorder())["link_users"]

    assert found["link"].tolist() == ["a>b", "a>b"]
    assert found["user"].tolist() == ["serve/0 send", "serve/1 send"]
    assert found["other"].tolist() == ["serve/1 send", "serve/0 send"]
    assert found["contended_s"].tolist() == [0.25, 0.25]
    assert found["lost_s"].tolist() == [0.125, 0.0625]


def test_what_is_lost_on_a_link_is_what_its_users_lost() -> None:
    found = frames(recorder())["links"]

    assert found["lost_s"].tolist() == [0.1875, 0.0]
    assert found["contended_share"].tolist() == [0.0625, 0.0]


def test_a_user_that_met_itself_has_one_row() -> None:
    usage = LinkUsage.of(1)
    meeting = usage.meeting("weights", "weights")
    meeting.together_s[:], meeting.lost_s[:] = 1.0, 0.25

    found = link_users_frame(["a>b"], usage)

    assert found["lost_s"].tolist() == [0.5]


def test_shares_of_a_run_that_took_no_time_are_nan() -> None:
    found = links_frame(["a>b"], ["nvlink"], np.array([1.0]), LinkUsage.of(1), elapsed_s=0.0)

    assert found["busy_share"].isna().all()


def test_each_lane_of_a_device_adds_up_to_the_run() -> None:
    found = frames(recorder())["devices"]

    compute = ["busy_s", "wait_s", "communication_s", "overhead_s", "empty_s", "cut_s"]
    other = ["communication_busy_s", "communication_idle_compute_s", "empty_s", "cut_s"]
    assert found[compute].sum(axis=1).tolist() == [4.0, 4.0, 4.0]
    assert found[other].sum(axis=1).tolist() == [4.0, 4.0, 4.0]


def test_the_rest_of_a_device_is_empty_time() -> None:
    found = frames(recorder())["devices"]["empty_s"]

    # Of 4 s: busy 2 s, communication 0.25 s, overhead 0.125 s, cut 0.5 s; the third did nothing.
    assert found.tolist() == [1.125, 1.125, 4.0]


def test_a_device_of_no_replica_has_neither_pool_nor_replica() -> None:
    found = frames(recorder())["devices"]

    assert found["pool"].isna().tolist() == [False, False, True]
    assert found["replica"].isna().tolist() == [False, False, True]


def test_a_device_that_was_used_for_longer_than_the_run_breaks_a_law() -> None:
    usage = DeviceUsage.of(2)
    usage.wait_s[1] = 2.0

    with pytest.raises(SimulationError, match=r"device 1 used 2\.0 s of 1\.0 s"):
        devices_frame(["a", "b"], ["p", "p"], [0, 0], usage, np.zeros(2), elapsed_s=1.0)


def test_imbalance_is_the_fullest_device_over_the_mean() -> None:
    found = frames(recorder())["experts"]

    # Device 0 has 6 + 3 tokens and device 1 has 1 + 2, in the mean 6.
    assert found["imbalance"].tolist() == [1.5] * 4
    # Of single steps the fullest devices have 10 of 12 tokens, where the mean device has 6.
    assert found["step_imbalance"].tolist() == pytest.approx([10 / 6] * 4)
    assert found["tokens"].tolist() == [6, 1, 3, 2]
    assert found["device"].tolist() == [0, 1, 0, 1]


def test_expert_layers_are_numbered_as_in_the_model() -> None:
    tokens = ExpertTokens.of("serve", 1, np.array([[8, 9], [9, 8]]), layers=(3, 5))

    found = experts_frame([tokens])

    assert found["layer"].tolist() == [3, 3, 5, 5]
    assert found["expert"].tolist() == [0, 1, 0, 1]
    assert found["imbalance"].isna().all()


def test_experts_of_several_replicas_stand_below_each_other() -> None:
    devices = np.array([[0, 1]])
    parts = [ExpertTokens.of("serve", replica, devices, layers=(0,)) for replica in range(2)]

    found = experts_frame(parts)

    assert found["replica"].tolist() == [0, 0, 1, 1]
    assert found.index.tolist() == [0, 1, 2, 3]


def test_a_single_request_makes_a_frame_of_one_row() -> None:
    rows = RowTable(RequestRow)
    rows.append(request(0, 0.0, 1.0, 2.0, 2))

    assert len(requests_frame(rows)) == 1
