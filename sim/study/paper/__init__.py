"""The study of arXiv 2507.15465: its figures and claims, from simulated runs.

set_up (what is simulated) -> runs (each point once) -> figures (frames) -> measures, findings ->
claims -> reproduce. Points stand in set_up.yaml (those on two kinds of device, in their modules),
systems in scenarios/, the paper's numbers in claims.csv and nowhere else.
"""
