"""Experts: how popular they are, where they lie, and how many tokens each gets in a step."""
