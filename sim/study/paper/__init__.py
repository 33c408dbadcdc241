"""The study of arXiv 2507.15465: its figures and claims, from simulated runs.

set_up (what is simulated) -> runs (each point once) -> figures (frames) -> claims -> reproduce.
"""
