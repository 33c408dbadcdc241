"""How long work takes: pure functions of specs and sums over a batch, with no clock."""
