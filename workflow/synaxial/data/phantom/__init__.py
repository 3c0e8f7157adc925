"""Pseudo-subjects: synthetic FLAIR volumes with a glioma.

The anatomy is an average brain under a random warp, the tumour grows by reaction and diffusion, and
the scan has FLAIR contrast, blur, shading and noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.data.phantom.fields import BOX_SHAPE, FRAME_AFFINE, into_frame
from synaxial.data.phantom.head import build_anatomy, choose_place, individual_warp, pushed
from synaxial.data.phantom.scan import healthy, random_tissue, scan, with_tumour
from synaxial.data.phantom.template import load_template
from synaxial.data.phantom.tumour import grow_tumour


@dataclass(frozen=True)
class Phantom:
    """A pseudo-subject in BraTS geometry: 240 x 240 x 155 voxels of 1 mm."""

    #: FLAIR intensities: 0 in the background and at least 1 in the brain.
    image: NDArray[np.int16]
    #: 0 none, 1 necrotic core, 2 oedema, 4 enhancing tumour, as in BraTS 2020.
    segmentation: NDArray[np.uint8]
    #: 4 x 4, from voxels to mm (right, anterior, superior positive).
    affine: NDArray[np.float64]


def make_phantom(seed: int, number: int) -> Phantom:
    """Make subject `number` of the set `seed`; the same pair gives the same voxels."""
    shape, place, mass, gyri, growth, contrast, scanner = (
        np.random.default_rng(child) for child in np.random.SeedSequence((seed, number)).spawn(7)
    )
    template = load_template()
    warp = individual_warp(template, shape)
    centre = choose_place(template, warp, place)
    anatomy = build_anatomy(template, pushed(template, warp, centre, mass), gyri)
    del template
    tumour = grow_tumour(anatomy, centre, growth)
    tissue = random_tissue(contrast)
    ideal = with_tumour(healthy(anatomy, tissue, contrast), anatomy, tumour, tissue, contrast)
    image = scan(ideal, anatomy.brain, scanner)
    labels = np.zeros(BOX_SHAPE, np.uint8)
    labels[tumour.cube] = tumour.labels
    labels[image == 0] = 0
    return Phantom(into_frame(image), into_frame(labels), FRAME_AFFINE.copy())
