"""The kept phantoms are those that the pipeline makes."""

import numpy as np

from .phantoms import SLICES, SUBJECTS, Phantoms, make_phantom_slices


def test_the_kept_slices_are_what_the_pipeline_makes(phantoms: Phantoms) -> None:
    assert len(phantoms.images.pixels) == SUBJECTS * len(SLICES)
    images, tumours = make_phantom_slices(2)
    of_subject = phantoms.images.groups == 2
    np.testing.assert_array_equal(phantoms.images.pixels[of_subject], images)
    np.testing.assert_array_equal(phantoms.tumours[of_subject], tumours)
