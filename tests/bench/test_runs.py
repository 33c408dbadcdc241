"""What the figures count, against counts by hand."""

from bench.runs import run_figures, window_figures
from bench.workloads import Run, Window

AT_ONCE = ("workload.arrivals={kind: at-once}", "workload.prompt_tokens=64")
PHASES = 1 + 1 + 80 * 4 + 1 + 1
"""Of Llama-3.1-70B with tensor parallelism: host, embedding, layers of attention, all-reduce,
feed-forward and all-reduce, head, gather of logits."""


def test_a_window_holds_the_steps_that_were_asked_for_and_no_end_of_a_request() -> None:
    asked = Window(scenario="dense.yaml", set=AT_ONCE, sequences_per_rank=4, steps=50)

    window = window_figures(asked, sequences_per_rank=4, steps=50)

    assert (window.steps, window.phases, window.requests) == (50, 50 * PHASES, 0)


def test_a_window_of_twice_the_steps_simulates_twice_the_time() -> None:
    asked = Window(scenario="dense.yaml", set=AT_ONCE, sequences_per_rank=4, steps=1)

    once, twice = (window_figures(asked, 4, steps).simulated_s for steps in (200, 400))

    # Steps read 17.6 GB of weights on each device; on average over the longer window, 4 sequences
    # have 100 tokens more, of 40,960 B on each device: 0.1 %.
    assert 2.0 < twice / once < 2.0 * 1.001


def test_a_run_counts_its_finished_requests_and_all_its_steps() -> None:
    # Alone, each answer of three tokens takes a step for its prompt and two more.
    sets = ("workload.arrivals={kind: closed-loop, concurrency: 1}", "workload.output_tokens=3")
    asked = Run(scenario="dense.yaml", set=(*sets, "workload.prompt_tokens=64"), requests=5)

    figures = run_figures(asked, requests=5)

    assert (figures.requests, figures.steps) == (5, 15)
