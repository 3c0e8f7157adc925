"""One head: the template, posed and warped at random, and where its tumour starts.

The warp is the flow of a stationary velocity field for unit time (Arsigny et al., MICCAI 2006):
it is smooth and never folds. The head has every structure of the template, in other places and
sizes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from synaxial.data.phantom.fields import (
    BOX_START,
    BRAIN_CENTRE,
    FRAME_AFFINE,
    Field,
    Parts,
    coarse_shape,
    noise_on,
    refine,
    smooth_noise,
    smooth_step,
)
from synaxial.data.phantom.template import Template

#: Distance in mm of the nodes on which the warp is computed.
STEP = 3.0

#: Squarings of the flow, which starts as velocity / 2**5.
SQUARINGS = 5

#: Random parts of the velocity (smoothing and size in mm): the shape of the head, then lobes and
#: gyri, which must not dent the skull.
HEAD_PARTS = ((38.0, 5.0),)
INNER_PARTS = ((11.0, 2.6), (4.5, 1.4))

#: How much wider than the template a head is near the vertex, and at forehead and occiput (shares,
#: the latter at the distance `HALF_LENGTH` in mm). The vertex begins `VERTEX_START` mm above the
#: centre of the brain, with a step of this width (mm).
VERTEX_FULLNESS_RANGE = (0.05, 0.18)
END_FULLNESS_RANGE = (0.08, 0.20)
HALF_LENGTH = 85.0
VERTEX_START = 28.0
VERTEX_WIDTH = 9.0

#: Share of the shape of the head that is the same on both sides.
SYMMETRY = 0.8

#: Depth below the surface of the brain (mm) from which movements are free of the skull, and the
#: share of the inner velocity that is left at the surface.
FREE_DEPTH = 15.0
SURFACE_SHARE = 0.2

#: Size of the template relative to a head, and how much it differs along an axis.
SCALE = 1.03
SCALE_RANGE = 0.045

#: Largest rotation of a head (degrees) about the axes left, posterior and superior.
TURN_RANGE = (3.5, 2.5, 5.0)

#: How far (mm) the walls of the ventricles are moved out: mean and deviation, and limits.
VENTRICLE_GROWTH = (1.0, 2.6)
VENTRICLE_GROWTH_LIMITS = (-2.5, 7.0)

#: The lateral and third ventricles are the fluid within this box: mm from the centre of the brain
#: (left, posterior, superior).
VENTRICLE_BOX = ((-34.0, 34.0), (-44.0, 52.0), (-14.0, 32.0))
VENTRICLE_SMOOTHING = 3.0

#: Push away from a growing mass: its size (mm), and the distance (mm) where it is largest.
PUSH_RANGE = (3.0, 6.5)
PUSH_DISTANCE_RANGE = (20.0, 26.0)

#: Range of axial slices for the middle of a tumour; the study shows slices 60 to 107.
MIDDLE_SLICES = (66, 98)

#: Its distance from the midline, and its least depth below the surface of the brain (mm).
MIDLINE_DISTANCE = (20.0, 56.0)
DEPTH = 12.0

#: The cerebellum lies behind and below this point (mm from the centre of the brain).
CEREBELLUM_POSTERIOR = 20.0
CEREBELLUM_SUPERIOR = 0.0

#: Least share of white matter where a tumour starts, and the smoothing of that share (mm).
LEAST_WHITE = 0.45
WHITE_SMOOTHING = 4.0

#: Width of the sulci, as the logarithm of the odds of fluid: mean and deviation over individuals,
#: and random fields that are added (smoothing in mm, size).
SULCI = (0.2, 0.3)
SULCI_PARTS = ((22.0, 0.25), (2.2, 0.45))

#: Power that makes the average shares of the template sharp.
SHARPENING = 2.7


@dataclass(frozen=True)
class Warp:
    """Where each node of the coarse grid lies in the template."""

    #: The pose: 4 x 4, from mm on the box to voxels of the template.
    voxel_from_box: NDArray[np.float64]
    #: In mm on the box, (3, nodes...); it is added before the pose.
    displacement: Field

    def template_voxels(self) -> Field:
        """Return the voxel of the template at each node, (3, nodes...), float32."""
        place = nodes(self.displacement.shape[1:]) + self.displacement
        matrix = self.voxel_from_box.astype(np.float32)
        return np.stack(
            [a * place[0] + b * place[1] + c * place[2] + d for a, b, c, d in matrix[:3]]
        )


def nodes(shape: tuple[int, ...]) -> Field:
    """Return the position of each node in mm on the box, (3, nodes...), float32."""
    return np.indices(shape, dtype=np.float32) * np.float32(STEP)


def sample(values: Field, place: Field, outside: float = 0.0) -> Field:
    """Interpolate a map of the template linearly at voxels (3, ...); beyond it is `outside`."""
    result: Field = ndimage.map_coordinates(
        values, place, order=1, mode="constant", cval=outside, output=np.float32
    )
    return result


def pose(template: Template, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the 4 x 4 from mm on the box to voxels of the template for a random head.

    The head is rotated, scaled along each axis and, in half of the individuals, mirrored.
    """
    angles = generator.uniform(-1, 1, 3) * TURN_RANGE
    scale = SCALE + generator.uniform(-SCALE_RANGE, SCALE_RANGE, 3)
    scale[0] *= generator.choice([-1.0, 1.0])
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    about_centre = np.eye(4)
    about_centre[:3, :3] = np.diag(scale) @ turn
    about_centre[:3, 3] = BRAIN_CENTRE - about_centre[:3, :3] @ BRAIN_CENTRE
    frame_from_box = np.eye(4)
    frame_from_box[:3, 3] = BOX_START
    result: NDArray[np.float64] = (
        template.voxel_from_world @ FRAME_AFFINE @ frame_from_box @ about_centre
    )
    return result


def compose(first: Field, then: Field) -> Field:
    """Return the displacement (mm) of `first` followed by `then`."""
    place = (nodes(first.shape[1:]) + first) / np.float32(STEP)
    result = first.copy()
    for axis, part in enumerate(then):
        result[axis] += ndimage.map_coordinates(
            part, place, order=1, mode="nearest", output=np.float32
        )
    return result


def flow(velocity: Field) -> Field:
    """Return the displacement (mm) after following a velocity (mm) for unit time.

    By scaling and squaring: exp(v) = (exp(v / 2**n))**(2**n).
    """
    displacement = velocity / np.float32(2**SQUARINGS)
    for _ in range(SQUARINGS):
        displacement = compose(displacement, displacement)
    return displacement


def freedom(brain: Field) -> Field:
    """Return how free of the skull each node is: 0 at the surface of the brain, 1 deep in it."""
    depth = ndimage.distance_transform_edt(brain > 0.5, STEP)
    result: Field = np.clip(depth / FREE_DEPTH, 0, 1).astype(np.float32)
    return result


def random_velocity(parts: Parts, generator: np.random.Generator) -> Field:
    """Return a smooth random velocity in mm, (3, nodes...), from parts (smoothing, size)."""
    shape = coarse_shape(STEP)
    velocity = np.zeros((3, *shape), np.float32)
    for deviation, size in parts:
        for axis in range(3):
            velocity[axis] += np.float32(size) * noise_on(shape, deviation / STEP, generator)
    return velocity


def symmetric(velocity: Field, share: float) -> Field:
    """Return the velocity with the difference between left and right reduced by a share."""
    mirrored = velocity[:, ::-1].copy()
    mirrored[0] *= -1
    return velocity + np.float32(share / 2) * (mirrored - velocity)


def fullness_velocity(generator: np.random.Generator) -> Field:
    """Return the velocity (mm) that widens a head near the vertex and at both ends."""
    offset = nodes(coarse_shape(STEP)) - BRAIN_CENTRE.astype(np.float32).reshape(3, 1, 1, 1)
    left, posterior, superior = offset
    vertex = generator.uniform(*VERTEX_FULLNESS_RANGE) * smooth_step(
        superior, VERTEX_START, VERTEX_WIDTH
    )
    ends = generator.uniform(*END_FULLNESS_RANGE) * (posterior / HALF_LENGTH) ** 2
    return np.stack([-(vertex + ends) * left, -vertex * posterior, np.zeros_like(superior)]).astype(
        np.float32
    )


def ventricle_velocity(fluid: Field, growth: float) -> Field:
    """Return the velocity (mm) that moves the walls of the ventricles out by about `growth` mm.

    It follows the gradient of the smoothed ventricles: a place outside them must map to a place
    inside them to become part of them.
    """
    ventricles = fluid.copy()
    for axis, (low, high) in enumerate(VENTRICLE_BOX):
        place = np.arange(fluid.shape[axis]) * STEP - BRAIN_CENTRE[axis]
        outside = (place < low) | (place > high)
        ventricles[(slice(None),) * axis + (outside,)] = 0
    smooth = ndimage.gaussian_filter(ventricles, VENTRICLE_SMOOTHING / STEP)
    gradient = np.stack(np.gradient(smooth))
    steepness = np.sqrt((gradient**2).sum(0))
    scale = growth / max(float(np.percentile(steepness, 99.5)), 1e-6)
    return (gradient * np.float32(scale)).astype(np.float32)


def individual_warp(template: Template, generator: np.random.Generator) -> Warp:
    """Draw the pose, shape and ventricles of a head."""
    head = pose(template, generator)
    posed = Warp(head, np.zeros((3, *coarse_shape(STEP)), np.float32))
    place = posed.template_voxels()
    fluid = sample(template.fluid, place)
    free = freedom(sample(template.brain, place))
    growth = float(np.clip(generator.normal(*VENTRICLE_GROWTH), *VENTRICLE_GROWTH_LIMITS))
    inner = SURFACE_SHARE + (1 - SURFACE_SHARE) * free
    velocity = symmetric(random_velocity(HEAD_PARTS, generator), SYMMETRY)
    velocity += fullness_velocity(generator)
    velocity += inner * random_velocity(INNER_PARTS, generator)
    velocity += ventricle_velocity(fluid, growth)
    return Warp(head, flow(velocity))


def push(centre: NDArray[np.float64], generator: np.random.Generator) -> Field:
    """Return the displacement (mm) of tissue that makes room for a mass at `centre` (box, mm).

    At the distance r it is A (r / R) exp((1 - (r / R)**2) / 2) towards the centre: places near the
    mass show tissue that lay nearer to its middle.
    """
    size = generator.uniform(*PUSH_RANGE)
    distance = generator.uniform(*PUSH_DISTANCE_RANGE)
    offset = nodes(coarse_shape(STEP)) - centre.astype(np.float32).reshape(3, 1, 1, 1)
    square = (offset**2).sum(0) / np.float32(distance**2)
    inward: Field = -np.float32(size / distance) * offset * np.exp(0.5 - 0.5 * square)
    return inward


def pushed(
    template: Template, warp: Warp, centre: NDArray[np.float64], generator: np.random.Generator
) -> Warp:
    """Return the warp of the same head with a mass at `centre` (mm on the box)."""
    free = freedom(sample(template.brain, warp.template_voxels()))
    inward = free * push(centre, generator)
    return Warp(warp.voxel_from_box, compose(inward, warp.displacement))


def choose_place(
    template: Template, warp: Warp, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Draw where the tumour starts: deep in the white matter of a hemisphere (mm on the box)."""
    place = warp.template_voxels()
    white = ndimage.gaussian_filter(sample(template.white, place), WHITE_SMOOTHING / STEP)
    inside = sample(template.brain, place) > 0.5
    inside[:, :, -1] = False
    depth = ndimage.distance_transform_edt(inside, STEP)
    left, posterior, superior = nodes(white.shape)
    off_midline = np.abs(left - BRAIN_CENTRE[0])
    cerebellum = (posterior - BRAIN_CENTRE[1] > CEREBELLUM_POSTERIOR) & (
        superior - BRAIN_CENTRE[2] < CEREBELLUM_SUPERIOR
    )
    allowed = (
        (white > LEAST_WHITE)
        & (depth > DEPTH)
        & (off_midline > MIDLINE_DISTANCE[0])
        & (off_midline < MIDLINE_DISTANCE[1])
        & (superior >= MIDDLE_SLICES[0])
        & (superior <= MIDDLE_SLICES[1])
        & ~cerebellum
    )
    candidates = np.argwhere(allowed)
    return np.asarray(candidates[generator.integers(len(candidates))] * STEP, np.float64)


@dataclass(frozen=True)
class Anatomy:
    """Shares of fluid, grey and white matter, and of brain, in [0, 1], on the box."""

    fluid: Field
    grey: Field
    white: Field
    brain: Field


def near_brain(brain: Field) -> NDArray[np.bool_]:
    """Return the voxels of the box that may hold brain, given the share of brain at the nodes."""
    around = ndimage.binary_dilation(brain > 0, iterations=2)
    return refine(around.astype(np.float32), STEP) > 0


def filled(mask: NDArray[np.bool_], values: Field, background: float = 0.0) -> Field:
    """Return the values at the voxels of the mask, and the background elsewhere."""
    result: Field = np.full(mask.shape, background, np.float32)
    result[mask] = values
    return result


def build_anatomy(template: Template, warp: Warp, generator: np.random.Generator) -> Anatomy:
    """Warp the tissues of the template onto the box and make their shares sharp.

    The average shares p of fluid, grey and white matter become p**g / sum(p**g). The odds of fluid
    are multiplied by a random field first, so that sulci differ in width and depth.
    """
    coarse = warp.template_voxels()
    place = np.stack([refine(part, STEP) for part in coarse])
    near = near_brain(sample(template.brain, coarse))
    place = place[:, near]
    fluid = filled(near, sample(template.fluid, place, outside=1.0), background=1.0)
    grey = filled(near, sample(template.grey, place))
    white = filled(near, sample(template.white, place))
    brain = filled(near, sample(template.brain, place))
    odds = np.full(fluid.shape, generator.normal(*SULCI), np.float32)
    for deviation, size in SULCI_PARTS:
        odds += np.float32(size) * smooth_noise(deviation, generator)
    fluid *= np.exp(odds, out=odds)
    fluid, grey, white = (np.power(part, np.float32(SHARPENING)) for part in (fluid, grey, white))
    total = fluid + grey + white + np.float32(1e-6)
    return Anatomy(fluid / total, grey / total, white / total, brain)
