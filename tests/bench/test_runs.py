"""What the figures count, against counts by hand."""

import pytest

from bench.runs import Figures, run_figures, window_figures
from bench.workloads import Run, Window

PHASES = 1 + 1 + 80 * 4 + 1 + 1
"""Of Llama-3.1-70B with tensor parallelism: host, embedding, layers of attention, all-reduce,
feed-forward and all-reduce, head, gather of logits."""


@pytest.fixture(scope="module")
def windows() -> tuple[Figures, Figures]:
    """Of 200 steps and of 400, with four sequences."""
    sets = ("workload.arrivals={kind: at-once}", "workload.prompt_tokens=64")
    asked = Window(scenario="dense.yaml", set=sets, sequences_per_rank=4, steps=200)
    return window_figures(asked, 4, 200, often=1), window_figures(asked, 4, 400, often=1)


def test_a_window_holds_the_steps_that_were_asked_for_and_no_end_of_a_request(
    windows: tuple[Figures, Figures],
) -> None:
    once, _ = windows

    assert (once.steps, once.phases, once.requests) == (200, 200 * PHASES, 0)


def test_a_window_of_twice_the_steps_simulates_twice_the_time(
    windows: tuple[Figures, Figures],
) -> None:
    once, twice = windows

    # Steps read 17.6 GB of weights on each device; on average over the longer window, 4 sequences
    # have 100 tokens more, of 40,960 B on each device: 0.1 %.
    assert 2.0 < twice.simulated_s / once.simulated_s < 2.0 * 1.001


def test_a_run_counts_its_finished_requests_and_all_its_steps() -> None:
    # Alone, each answer of three tokens takes a step for its prompt and two more.
    sets = ("workload.arrivals={kind: closed-loop, concurrency: 1}", "workload.output_tokens=3")
    asked = Run(scenario="dense.yaml", set=(*sets, "workload.prompt_tokens=64"), requests=5)

    figures = run_figures(asked, requests=5)

    assert (figures.requests, figures.steps) == (5, 15)
