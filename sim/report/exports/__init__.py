"""A run in the files of other tools, so that these plot and compare it as one they measured."""
