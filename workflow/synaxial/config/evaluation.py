"""The sections about generated images: stacks, pictures and evaluation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from synaxial.config.sections import COMMON, Count, NotNegative, Positive, Section, Seed

#: The control sets that generated images are compared with. No experiment may have such a name.
CONTROLS = ("real", "copies", "warped", "blurred", "grid", "noise")

#: The end of the name of what an up-sampler makes of real images. No experiment's name may end so.
ENLARGED = ".enlarged"


class Request(Section):
    """Some images of a stack, and what they are to show. Needs a generator with conditions."""

    images: Count = 10
    """Number of images."""

    level: NotNegative | None = None
    """Level of the slice in mm, as in `slice.first`. Null: levels as in the training."""

    tumour: Literal["none", "any", "left", "right"] | None = None
    """`none`: no tumour. `any`: a tumour on any side. `left`, `right`: on this side of the patient.
    Null: as in the training."""

    size: Annotated[list[NotNegative], Field(min_length=2, max_length=2)] | None = None
    """Smallest and largest size of the tumour: the diameter in mm of the circle with the same area.
    Null: sizes as in the training."""

    @property
    def conditions(self) -> list[str]:
        """The conditions that a generator needs for it."""
        of_tumour = self.tumour is not None or self.size is not None
        return ["level"] * (self.level is not None) + ["tumour"] * of_tumour

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.size is not None and self.tumour == "none":
            raise ValueError("size: is given, but tumour is none; remove one of them")
        if self.size is not None and self.size[0] > self.size[1]:
            raise ValueError(f"size: found {self.size}; expected the smaller number first")
        return self


class Sample(Section):
    """Stacks of generated images."""

    seed: Seed = 7
    """Seed of the stacks. Image i of stack k depends on the generator, this seed, k and i, and with
    `batch_normalization: batch` on the other images of its stack."""

    stacks: Annotated[Count, COMMON] = 3
    """Stacks of generated images for each training."""

    images: Annotated[Count, COMMON] = 100
    """Images in a stack (the paper: 100)."""

    requests: list[Request] = []
    """What the images of a stack are to show, in place of `images`. Each request has the keys
    `images`, `level`, `tumour` and `size`. The images of all requests alternate in the stack. An
    experiment without conditions makes as many images. See docs/conditions.md."""

    truncation: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How far images are from the average one, as a factor: at 0.8, the first 4 x 4 pixels and the
    style are moved a fifth of the way to their average (StyleGAN; Karras et al., 2019). Less makes
    images more typical and less varied. For experiments with `architecture: coarse_to_fine`; others
    ignore it. See docs/coarse-to-fine.md."""

    dropout: bool = False
    """Keep the generator's dropout on, which adds speckles to the images. Open in the paper."""

    batch_normalization: Literal["calibrated", "running", "batch"] = "calibrated"
    """Which statistics the generator's batch normalisation uses. `calibrated`: those of a fixed set
    of latents, computed without dropout at the end of the training. `running`: the running averages
    of the training. With `dropout: true`, `calibrated` uses the running averages too, because
    dropout widens them. `batch`: those of the stack. Open in the paper."""

    @property
    def images_of_stack(self) -> int:
        """The number of images in a stack."""
        return sum(request.images for request in self.requests) or self.images

    @property
    def conditions(self) -> set[str]:
        """The conditions that a generator needs for all requests."""
        return {name for request in self.requests for name in request.conditions}


class Evaluate(Section):
    """The comparison of generated images with images of the held-out subjects."""

    images: Count = 1000
    """Number of images in each set that is compared, or the size of the smallest set if that is
    less. Of the generated images, the first ones in the stacks are used."""

    repeats: Annotated[int, Field(ge=10)] = 100
    """Bootstrap samples for the confidence intervals."""

    seed: Seed = 11
    """Seed of the controls and of the bootstrap."""

    blur: Positive = 2.0
    """Control `blurred`: standard deviation of the Gaussian filter in pixels."""

    grid_amplitude: Positive = 12.0
    """Control `grid`: amplitude of the grid in grey levels (of 255)."""

    grid_period: Annotated[int, Field(ge=2)] = 4
    """Control `grid`: distance between lines in pixels."""


class Render(Section):
    """Pictures of the stacks."""

    columns: Count = 10
    """Images in a row of the sheet."""

    images: Annotated[bool, COMMON] = False
    """Write each generated image as a PNG file too."""

    nifti: Annotated[bool, COMMON] = False
    """Write each stack as a NIfTI volume too."""
