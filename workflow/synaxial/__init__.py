"""Synaxial: from brain-MRI volumes to stacks of generated axial slices."""
