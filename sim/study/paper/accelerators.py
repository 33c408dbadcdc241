"""Both studies of accelerators, written as tables and pictures."""

from pathlib import Path

from sim.report.paper_pim import draw_attention_accelerator, draw_fig14
from sim.study.paper.attention_accelerator import SYSTEMS, attention_accelerator
from sim.study.paper.pim_experts import LENGTHS, crossover, fig14
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import set_up

_KINDS = ("multi-head", "grouped", "latent")


def save_accelerators(folder: Path, runs: Runs) -> None:
    """Write `fig14` and `attention_accelerator`, each as .csv, .png and .svg."""
    folder.mkdir(parents=True, exist_ok=True)
    experts, cores = fig14(runs), attention_accelerator(runs)
    for name, frame in (("fig14", experts), ("attention_accelerator", cores)):
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    draw_fig14(folder, experts, {length: crossover(experts, length) for length in LENGTHS})
    names = {
        system: f"{set_up()['names'][system]} ({kind})"
        for system, kind in zip(SYSTEMS, _KINDS, strict=True)
    }
    draw_attention_accelerator(folder, cores, names)


if __name__ == "__main__":
    made = Runs.parallel()
    save_accelerators(Path("results/paper"), made)
    made.close()
