"""From volumes to a data set: sources, checked volumes, axial slices, and the packed images."""
