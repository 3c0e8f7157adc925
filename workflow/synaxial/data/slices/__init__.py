"""Stage `slice`: the axial slices of a volume as 8-bit pages."""
