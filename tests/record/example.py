"""A small run, made up so that its numbers can be worked out by hand."""

import numpy as np
import pandas as pd

from sim.record.experts_frame import experts_frame
from sim.record.frames import (
    devices_frame,
    links_frame,
    movements_frame,
    requests_frame,
    steps_frame,
    transfers_frame,
)
from sim.record.link_users import link_users_frame
from sim.record.recorder import MovementRow, Recorder, RequestRow, Status, StepRow, TransferRow
from sim.record.usage import ExpertTokens


def request(
    number: int,
    arrival_s: float,
    first_token_s: float | None,
    finish_s: float | None,
    output_tokens: int,
    status: Status = "finished",
    preemptions: int = 0,
) -> RequestRow:
    return RequestRow(
        request=number,
        arrival_s=arrival_s,
        first_scheduled_s=None if first_token_s is None else arrival_s + 0.25,
        first_token_s=first_token_s,
        finish_s=finish_s,
        prompt_tokens=100,
        cached_tokens=0,
        output_tokens=output_tokens,
        pool="serve",
        replica=0,
        rank=None if status == "rejected" else 0,
        preemptions=preemptions,
        status=status,
    )


def step(number: int, start_s: float, end_s: float) -> StepRow:
    return StepRow(
        pool="serve",
        replica=0,
        step=number,
        steps=1,
        start_s=start_s,
        end_s=end_s,
        kind="mixed",
        sequences=2,
        tokens=101,
        output_tokens=2,
        attention_s=0.1,
        dense_s=0.1,
        experts_s=0.0,
        dispatch_s=0.0,
        combine_s=0.0,
        collective_s=0.05,
        overhead_s=0.0,
        wait_s=0.0,
        exposed_communication_s=0.05,
    )


def recorder() -> Recorder:
    """Two requests answered, one too long for the cache, one cut off; 3 devices, of which 2 serve.

    Request 0 arrives at 1 s and gets tokens at 1.5, 2.5 and 3.5 s; request 1 arrives at 2 s and
    gets its only token at 2.5 s; request 3 arrives at 3 s, and its first token comes at 3.5 s.
    """
    made = Recorder.of(links=2, devices=3)
    for row in (
        request(1, 2.0, 2.5, 2.5, 1),
        request(2, 2.25, None, None, 0, "rejected"),
        request(0, 1.0, 1.5, 3.5, 3, preemptions=1),
        request(3, 3.0, 3.5, None, 1, "unfinished"),
    ):
        made.requests.append(row)
    for one in (step(1, 1.0, 1.5), step(2, 1.5, 2.5), step(3, 2.5, 3.5)):
        made.steps.append(one)
    made.transfers.append(TransferRow("serve", 0, 1, "collective", 1.25, 0.05, 60.0, True))
    made.experts += [
        ExpertTokens(
            "serve",
            0,
            np.array([[0, 1, 2, 3]]),
            np.array([[0, 1, 0, 1]]),
            np.array([[6, 1, 3, 2]]),
            (0,),
            np.array([10.0]),
        )
    ]
    made.add_gap(1.0, 1)
    made.add_gap(1.0, 1)
    for at_s, tokens in [(1.5, 1), (2.5, 2), (3.5, 2)]:
        made.add_output(at_s, tokens)
    made.links.bytes[:] = [60.0, 20.0]
    made.links.busy_s[:] = [1.0, 2.0]
    made.movements.append(MovementRow("weights", 1.0, None, 5e9, 0.5))
    made.links.full_s[:] = [0.5, 0.0]
    made.links.contended_s[:] = [0.25, 0.0]
    meeting = made.links.meeting("serve/0 send", "serve/1 send")
    meeting.together_s[0] = 0.25
    meeting.lost_s[:, 0] = [0.125, 0.0625]
    made.links.peak_bytes_per_s[:] = [100.0, 10.0]
    made.devices.compute_busy_s[:2] = [2.0, 1.0]
    made.devices.wait_s[:2] = [0.0, 1.0]
    made.devices.communication_s[:2] = 0.25
    made.devices.overhead_s[:2] = 0.125
    made.devices.cut_s[:2] = 0.5
    made.devices.flop[:2] = 1e12
    made.devices.bytes[:2] = 1e9
    made.elapsed_s = 4.0
    return made


def frames(made: Recorder) -> dict[str, pd.DataFrame]:
    energy_j = np.array([300.0, 250.0, 50.0])
    pools, replicas = ["serve", "serve", None], [0, 0, None]
    capacity_bytes_per_s = np.array([100.0, 10.0])
    return {
        "requests": requests_frame(made.requests),
        "steps": steps_frame(made.steps),
        "links": links_frame(
            ["a>b", "b>a"],
            ["nvlink", "nvlink"],
            capacity_bytes_per_s,
            made.links,
            made.elapsed_s,
        ),
        "link_users": link_users_frame(["a>b", "b>a"], made.links),
        "devices": devices_frame(
            ["box0/gpus0", "box0/gpus1", "box0/gpus2"],
            pools,
            replicas,
            made.devices,
            energy_j,
            made.elapsed_s,
        ),
        "experts": experts_frame(made.experts),
        "transfers": transfers_frame(made.transfers),
        "movements": movements_frame(made.movements),
    }
