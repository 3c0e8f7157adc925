"""The study: every configuration key, its type, its default and its meaning.

This model is the only list of keys. Each of the modules beside it defines a group of sections.
`make docs` generates `config.yaml`, the reference page `docs/configuration.md` and the JSON schema
`docs/config.schema.json` from this model.
"""

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from synaxial.config.data import (
    Acquire,
    Archive,
    Conform,
    Dicom,
    Directory,
    Kaggle,
    Phantom,
    Resize,
    Slice,
    VolumeCheck,
)
from synaxial.config.evaluation import CONTROLS, ENLARGED, Evaluate, Render, Request, Sample
from synaxial.config.networks import (
    Augmentation,
    Coarse,
    Discriminator,
    Generator,
    Latent,
    Upsampling,
    Variation,
)
from synaxial.config.sections import COMMON, Section
from synaxial.config.studies import Catalogue, Scaling, Segment, Turing
from synaxial.config.training import Monitoring, Optimizer, Training
from synaxial.config.upsampler import Upsampler
from synaxial.io.errors import SynaxialError

#: Smallest width in pixels at which the metrics can compare structures of several sizes.
SMALLEST_EVALUATED = 64


class Study(Section):
    """Everything that a study computes."""

    results: Annotated[str, Field(pattern=r"^/?[A-Za-z0-9._+-]+(/[A-Za-z0-9._+-]+)*$"), COMMON] = (
        "results"
    )
    """Folder for all results. The path may contain only letters, digits, `.`, `_`, `+`, `-` and
    `/`, because it is part of every shell command."""

    acquire: Acquire = Acquire()
    slice: Slice = Slice()
    resize: Resize = Resize()
    training: Training = Training()

    experiments: dict[str, Training] = Field(default_factory=lambda: {"final": Training()})
    """The experiments, by name. Each gives only the keys that differ from `training`. The default
    is the paper's 18 experiments and `modern`, which the end of docs/configuration.md lists."""

    default_experiments: list[str] | None = None
    """The experiments that Snakemake trains if no target is given; null means all. The default is
    `final` if `experiments` is not given, else null. `snakemake figures` trains and compares all
    experiments."""

    base: str | None = None
    """The baseline: figures show it beside each of the other experiments. Null means the first."""

    monitoring: Monitoring = Monitoring()
    sample: Sample = Sample()
    render: Render = Render()
    evaluate: Evaluate = Evaluate()
    turing: Turing = Turing()
    catalogue: Catalogue = Catalogue()
    scaling: Scaling = Scaling()
    segment: Segment = Segment()

    @property
    def chosen_experiments(self) -> list[str]:
        """The experiments of a run without a target."""
        if self.default_experiments is None:
            return list(self.experiments)
        return self.default_experiments

    @property
    def base_experiment(self) -> str:
        """The experiment that the others are compared with."""
        return next(iter(self.experiments)) if self.base is None else self.base

    @property
    def scaling_experiment(self) -> str:
        """The experiment whose speed is measured on several ranks."""
        return self.base_experiment if self.scaling.experiment is None else self.scaling.experiment

    @property
    def segment_experiment(self) -> str | None:
        """The experiment whose images and masks train a U-Net, if there is one with masks."""
        if self.segment.experiment is not None:
            return self.segment.experiment
        candidates = [self.base_experiment, *self.chosen_experiments, *self.experiments]
        return next((name for name in candidates if self.experiments[name].masks), None)

    @model_validator(mode="after")
    def _check_preset(self) -> Self:
        preset = self.training.preset
        if preset != "paper":
            raise ValueError(
                f"training.preset: found {preset}, but a preset belongs to an experiment; write "
                f"experiments: {{{preset}: {{preset: {preset}}}}}"
            )
        return self

    @model_validator(mode="after")
    def _check_names_of_experiments(self) -> Self:
        if not self.experiments:
            raise ValueError("experiments: found none; name at least one")
        for name in self.experiments:
            if name in CONTROLS:
                raise ValueError(
                    f"experiment {name!r}: the name belongs to a control set "
                    f"({', '.join(CONTROLS)}); choose another"
                )
            if name.endswith(ENLARGED):
                raise ValueError(
                    f"experiment {name!r}: the end {ENLARGED!r} belongs to sets of up-samplers; "
                    "choose another"
                )
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]*", name):
                raise ValueError(
                    f"experiment {name!r}: expected a name of letters, digits, '_' and '.' only"
                )
        return self

    @model_validator(mode="after")
    def _check_references_to_experiments(self) -> Self:
        named: dict[str, list[str | None]] = {
            "default_experiments": [*(self.default_experiments or [])],
            "base": [self.base],
            "scaling.experiment": [self.scaling.experiment],
            "segment.experiment": [self.segment.experiment],
        }
        for key, names in named.items():
            for name in names:
                if name is not None and name not in self.experiments:
                    raise ValueError(
                        f"{key}: found {name!r}; expected an experiment of this study "
                        f"({', '.join(self.experiments)})"
                    )
        return self

    @model_validator(mode="after")
    def _check_validation(self) -> Self:
        # The settings file of a training does not mention subjects.
        if "held_out" in self.acquire.model_fields_set and not self.acquire.held_out:
            for name, training in self.experiments.items():
                if training.validated:
                    raise ValueError(
                        f"experiment {name!r}: keep: best and patience need held-out subjects; set "
                        "acquire.held_out"
                    )
        return self


def field_of_view(study: Study) -> float:
    """Return the width of every image in mm.

    Raises
    ------
    SynaxialError
        The study does not say; subjects may differ.
    """
    shape, spacing = study.acquire.volume.shape, study.acquire.volume.spacing
    if study.resize.mode == "pad":
        if spacing is None or spacing[0] != spacing[1]:
            raise SynaxialError(
                "resize.mode",
                f"pad does not resample, but acquire.volume.spacing is {spacing or 'null'}",
                "square voxels of one size",
                "use resize.mode: resize",
            )
        return spacing[0] * study.resize.size
    if study.resize.field_of_view is not None:
        return study.resize.field_of_view
    if shape is None or spacing is None:
        raise SynaxialError(
            "resize.field_of_view",
            "is not set, but acquire.volume.shape or spacing is null",
            "the width of an image in mm, such as 240, for all subjects",
        )
    return max(shape[0] * spacing[0], shape[1] * spacing[1])


def pixel_millimetres(study: Study) -> float:
    """Return the side of a pixel of every image in mm; raises what `field_of_view` raises."""
    return field_of_view(study) / study.resize.size


def check_networks(study: Study) -> None:
    """Check that the networks of all experiments fit the images.

    `make_study` does not check this, because a stage's settings file is only a part of a study.

    Raises
    ------
    SynaxialError
        A generator makes images of another size or of other channels, or a discriminator halves
        them too often.
    """
    size = study.resize.size
    check_requests(study)
    for name, training in study.experiments.items():
        channels = training.generator.channels
        halvings = training.discriminator.kernels.count(4)
        width = training.image_width
        where = f"experiment {name!r}"
        if training.is_coarse_to_fine:
            # `modern` is in every study that names no experiments, also of images of another size.
            if name in study.chosen_experiments:
                check_cascade(training, size, where)
            continue
        if width != size:
            raise SynaxialError(
                where,
                f"generator.channels has {len(channels)} numbers, which make images of {width} "
                f"pixels, but resize.size is {size}",
            )
        if size % 2**halvings:
            raise SynaxialError(
                where,
                f"discriminator.kernels halve the image {halvings} times, which is not possible "
                f"with {size} pixels",
            )
        expected = (2,) if training.masks else (1, 3)
        if channels[-1] not in expected:
            raise SynaxialError(
                where,
                f"the last number of generator.channels is {channels[-1]}",
                "2 with masks: true (image and mask)" if training.masks else "1 or 3 without masks",
            )


def check_requests(study: Study) -> None:
    """Check that experiments with conditions have those that `sample.requests` ask for."""
    needed = study.sample.conditions
    conditional = [name for name in study.chosen_experiments if study.experiments[name].conditions]
    for name in conditional:
        own = set(study.experiments[name].conditions)
        if missing := needed - own:
            raise SynaxialError(
                "sample.requests",
                f"ask for {', '.join(sorted(missing))}, but experiment {name!r} has no such "
                "condition",
                f"conditions: [{', '.join(sorted(needed | own))}]",
            )
    if needed and not conditional:
        raise SynaxialError(
            "sample.requests",
            f"ask for {', '.join(sorted(needed))}, but no experiment has conditions",
            f"an experiment with conditions: [{', '.join(sorted(needed))}]",
        )


def check_validation(training: Training, name: str) -> None:
    """Check that a training that looks at held-out images does so at least once.

    A coarse generator is measured when its stages have their full share, and their last epoch of
    fading is over. `name` is that of the experiment.
    """
    if not training.validated:
        return
    growth = training.coarse.epochs_of_growth if training.is_coarse_to_fine else 0
    first = (growth // training.validation_epochs + 1) * training.validation_epochs
    if training.epochs < first:
        raise SynaxialError(
            f"experiment {name!r}",
            f"epochs is {training.epochs}, but keep: best and patience measure first after {first}",
            f"{first} or more",
            "raise epochs, or lower validation_epochs",
        )


def check_cascade(training: Training, size: int, where: str) -> None:
    """Check that a coarse generator and its up-sampler make images of this size, and grow up."""
    coarse, factor = training.coarse, training.upsampler.factor
    if training.image_width != size:
        raise SynaxialError(
            where,
            f"coarse.channels has {len(coarse.channels)} numbers, which make coarse images of "
            f"{coarse.width} pixels, and upsampler.factor is {factor}, but resize.size is {size}",
            f"{coarse.width} x {factor} = {training.image_width}",
            "change coarse.channels, upsampler.factor or resize.size",
        )
    if training.epochs < coarse.epochs_of_growth:
        raise SynaxialError(
            where,
            f"epochs is {training.epochs}, but the networks reach their full width after "
            f"{coarse.epochs_of_growth}",
            f"{coarse.epochs_of_growth} or more",
            "raise epochs, or lower coarse.width_epochs or coarse.fading_epochs",
        )


def check_evaluation(study: Study) -> None:
    """Check that the images are large enough for the metrics.

    Raises
    ------
    SynaxialError
        There are held-out subjects, but the images are too small.
    """
    if study.acquire.held_out and study.resize.size < SMALLEST_EVALUATED:
        raise SynaxialError(
            "resize.size",
            f"{study.resize.size} pixels are too few to evaluate images",
            f"{SMALLEST_EVALUATED} or more, or acquire.held_out: []",
        )
