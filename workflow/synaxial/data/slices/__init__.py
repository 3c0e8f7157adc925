"""Stages `slice`, `resize` and `mask`: the axial slices of a volume, and the tumour in them."""
