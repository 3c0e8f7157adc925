"""Experiments side by side: the paper's figures, and one table of all metrics."""
