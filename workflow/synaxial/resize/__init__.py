"""Stage `resize`: slices at the size of the network's images."""
