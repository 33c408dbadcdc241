"""Questions that take more than one run, or none: comparisons, rooflines, prices, the demo."""
