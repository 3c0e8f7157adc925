"""The sections of the further studies: readers, catalogue, scaling, segmentation."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from synaxial.config.sections import COMMON, DISTINCT, Count, Positive, Section, Seed, has_password


class Turing(Section):
    """The page on which readers tell generated images from real ones (`snakemake turing`)."""

    images: Annotated[int, Field(ge=10)] = 230
    """Number of images, real and generated together. 230 give a power of 80 % to show that a
    reader with an accuracy of 60 % does not guess, and that the accuracy of a reader who guesses is
    within 10 points of 50 %. docs/studies/turing.md has other numbers."""

    repeats: Annotated[float, Field(ge=0, le=1 / 3)] = 0.1
    """Fraction of the images that are shown twice, to measure intra-reader agreement."""

    seed: Seed = 13
    """Seed for the choice of images, the share of generated ones (40 to 60 %), and the order. A
    reader who has the seed and the images could work out the answers, so set a seed of your own."""


class Catalogue(Section):
    """The database of all generated images and their numbers."""

    url: Annotated[str | None, COMMON] = None
    """The database as an SQLAlchemy URL; null means `catalogue.sqlite` in `results`. Examples:
    `sqlite:///study.sqlite`, `postgresql://user@host/name`. Do not write a password here; keep it
    in `~/.pgpass` or another place that the database's client reads."""

    training_images: bool = True
    """Store the nearest training images too, not only their names. This makes the catalogue as
    confidential as the data."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is not None and (has_password(url) or re.search(r"[?&]pass\w*=", url)):
            raise ValueError("has a password; remove it, and keep it in ~/.pgpass or the like")
        if url is not None and not re.match(r"[a-z0-9_+]+://", url):
            raise ValueError("expected an address such as sqlite:///study.sqlite")
        return url


class Scaling(Section):
    """How the speed of a training grows with the number of ranks (`snakemake scaling`)."""

    experiment: str | None = None
    """The experiment whose networks and batch size are used. Null means the base experiment."""

    ranks: Annotated[list[Count], Field(min_length=1), DISTINCT] = [1, 2, 4]
    """Numbers of MPI ranks. 1 must be among them: it is the baseline."""

    steps: Annotated[int, Field(ge=3)] = 20
    """Timed iterations for each number of ranks."""

    warm_up: Annotated[int, Field(ge=1)] = 3
    """Iterations before the timed ones."""

    @field_validator("ranks")
    @classmethod
    def _check_ranks(cls, ranks: list[int]) -> list[int]:
        if 1 not in ranks:
            raise ValueError(f"found {ranks}; add 1, the baseline")
        return sorted(ranks)


class Segment(Section):
    """The value of generated images and masks for segmentation (`snakemake segment`).

    A small U-Net is trained on real slices, on generated slices and on both, with the same number
    of updates. It is tested on the held-out subjects.
    """

    experiment: str | None = None
    """The experiment whose stacks are used. Null means the base experiment if it has `masks`, else
    the first one with masks among `default_experiments`, else among all. Each of the `seeds` uses
    the stacks of a different training of this experiment, in turn."""

    subjects: Annotated[list[Literal["all", "quarter"] | Count], Field(min_length=1), DISTINCT] = [
        "all",
        "quarter",
    ]
    """How many training subjects provide real slices: `all`, a `quarter` (at least 1), or a number.
    The seed decides which subjects. There is one comparison for each entry."""

    seeds: Annotated[list[Seed], Field(min_length=1), DISTINCT] = [1, 2, 3]
    """One training of each kind for each seed. The seed decides the initial weights, the subjects
    and the order of the images. Several seeds show which differences are due to chance."""

    updates: Count = 1000
    """Updates of every U-Net."""

    batch_size: Annotated[int, Field(ge=2, multiple_of=2)] = 16
    """Images in an update, an even number. A U-Net trained on real and generated slices gets half
    of each."""

    reduction: Count = 1
    """The U-Nets see images whose width is divided by this. 2 saves three quarters of the time."""

    channels: Annotated[list[Count], Field(min_length=2)] = [8, 16, 32, 64, 128]
    """Channels of the U-Net's levels, the finest first. Each level halves the width. (Ronneberger
    et al., 2015: 64 to 1024 in five levels; an eighth of that here, for CPUs.)"""

    learning_rate: Positive = 0.001
    """Adam's initial learning rate (Kingma and Ba, 2015: 0.001). It decays to 0 as the remaining
    fraction of the updates, raised to the power 0.9 (Isensee et al., 2021)."""
