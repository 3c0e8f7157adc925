"""The sections about data: where the volumes come from, and how they become images."""

import re
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from synaxial.config.sections import (
    COMMON,
    Count,
    Percentage,
    Positive,
    Section,
    Seed,
    has_password,
)

#: The file layouts that a copy of a data set may have.
Layout = Literal[
    "auto",
    "brats2017",
    "brats2020",
    "brats2021",
    "brats2023",
    "msd",
    "upenn-gbm",
    "ucsf-pdgm",
    "nnunet",
    "bids",
]

#: Subjects: a word or range, or a list of names and numbers.
Subjects = str | list[str]


class Phantom(Section):
    """Simulated subjects in BraTS geometry, made from the MNI152 template."""

    seed: Seed = 2020
    """Seed of the set. A subject depends only on this seed and on its number."""


class Directory(Section):
    """A copy of a data set on this machine. Synaxial never writes to it."""

    path: Annotated[Path | None, COMMON] = None
    """The folder with the subjects, or a folder above it; for `source: directory`."""

    layout: Layout = "auto"
    """How the files are laid out. `auto` takes the one that matches."""

    pattern: str | None = None
    """For any other layout: the path of a FLAIR volume below `path`, with `{subject}` in place of
    the subject's name. `{person}` is the part that all subjects of a person share."""

    segmentation_pattern: str | None = None
    """With `pattern`: the path of the segmentation, with the same `{subject}` (and `{person}`)."""

    @model_validator(mode="after")
    def _check_patterns(self) -> Self:
        for key in ("pattern", "segmentation_pattern"):
            value = getattr(self, key)
            if value is not None and "{subject}" not in value:
                raise ValueError(f"{key} must contain {{subject}}, found {value!r}")
        if self.segmentation_pattern is not None and self.pattern is None:
            raise ValueError("segmentation_pattern needs pattern; set both")
        given = [text for text in (self.pattern, self.segmentation_pattern) if text is not None]
        if len({"{person}" in text for text in given}) > 1:
            raise ValueError("pattern and segmentation_pattern: put {person} into both or neither")
        return self


class Dicom(Section):
    """A folder of DICOM series, as a scanner or a PACS exports them. It needs the extra `dicom`.

    Synaxial never writes to this folder. Subjects have pseudonyms such as sub-001_ses-1.
    """

    path: Annotated[Path | None, COMMON] = None
    """The folder with the files, in any folders below; for `source: dicom`."""

    series: list[str] = []
    """Patterns of the series description or the protocol name, such as `*flair*tra*`, in the order
    of preference. A study's FLAIR series is the one that fits the first pattern that any fits. An
    empty list means that the name or the times of the sequence tell."""

    key_file: Path | None = None
    """A table to write of the pseudonyms with the patient IDs, study UIDs and folders (.csv, mode
    600), outside `results`. With it, known patients keep their pseudonyms when others are added.
    Null means none."""


class Archive(Section):
    """A zip or tar(.gz) file, on this machine or at a URL."""

    location: Annotated[str, COMMON] = (
        "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task01_BrainTumour.tar"
    )
    """A path or an http(s) URL; for `source: archive`. The default is MSD Task01 (CC BY-SA 4.0,
    7.1 GB)."""

    checksum: Annotated[str | None, COMMON] = "md5:240a19d752f0d9e9101544901065d872"
    """`sha256:…` or `md5:…` of the archive; a URL needs one. This default applies to the default
    location. For another location the default is null, which means no check."""

    layout: Layout = "auto"
    """How the files in the archive are laid out. `auto` takes the one that matches."""

    maximum_gigabytes: Positive = 64.0
    """Refuse a download that is larger than this, and an archive if the files that are needed take
    more when unpacked."""

    @model_validator(mode="before")
    @classmethod
    def _drop_default_checksum(cls, content: Any) -> Any:
        """Keep the default checksum for the default location only."""
        default = cls.model_fields["location"].default
        if isinstance(content, dict) and content.get("location", default) != default:
            return {"checksum": None, **content}
        return content

    @model_validator(mode="after")
    def _check_checksum(self) -> Self:
        if self.checksum is not None and not re.fullmatch(
            r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", self.checksum
        ):
            raise ValueError(
                f"checksum: found {self.checksum!r}; expected md5: and 32, or sha256: and 64, "
                "lower-case hexadecimal digits"
            )
        if has_password(self.location):
            raise ValueError("location: has a password; remove it, and keep it in ~/.netrc")
        if re.match(r"\w+:/", self.location) and not re.match(r"https?://", self.location):
            raise ValueError("location: expected a path, or an address with http:// or https://")
        if re.match(r"https?://", self.location) and self.checksum is None:
            raise ValueError("a URL needs a checksum (sha256:… or md5:…); set it beside location")
        return self


class Kaggle(Section):
    """A data set on Kaggle. It needs the extra `kaggle` and a Kaggle token."""

    dataset: str = "awsaf49/brats20-dataset-training-validation"
    """The data set's handle, `owner/name`."""

    layout: Layout = "brats2020"
    """How the files are laid out."""


class VolumeCheck(Section):
    """What every volume must have. A volume that differs is bad; see `on_bad_volume`."""

    shape: tuple[Count, Count, Count] | None = (240, 240, 155)
    """Voxels along the axes left, posterior and superior. Null accepts any shape."""

    spacing: tuple[Positive, Positive, Positive] | None = (1.0, 1.0, 1.0)
    """Voxel size in mm along the same axes, within 1 %. Null accepts any size."""

    affine: Literal["sform", "qform"] | None = None
    """Which affine of the header to use. Null means the sform, or the qform where there is no
    sform. If the two differ in voxel size, the volume is bad. If they differ in orientation, the
    subject gets a warning and no masks."""

    channel: Annotated[int, Field(ge=0)] | None = None
    """The channel to take from a 4-D file, counted from 0. Null takes FLAIR from MSD Task01, and no
    4-D files from other data sets."""


class Conform(Section):
    """Brain extraction and resampling, for volumes that are not like those of BraTS."""

    brain_extraction: str | None = None
    """A command that reads the volume `{input}` and writes the brain in it, or its mask, to
    `{output}` on the same grid (both .nii.gz), such as `bet {input} {output}`. It runs without a
    shell. Null means none."""

    skull: bool = True
    """Whether a volume may still have its skull. With false, such a volume is bad, also after
    `brain_extraction`."""

    resample: Literal["linear", "cubic", "nearest"] | None = None
    """Resample every volume by this interpolation to axial slices with the voxel size and the shape
    of `acquire.volume`. With a shape, the brain must be free of the skull: it is centred, with its
    top as high as in BraTS. With `shape: null` the volume keeps its field of view. Null leaves
    volumes as they are."""

    @field_validator("brain_extraction")
    @classmethod
    def _check_command(cls, command: str | None) -> str | None:
        if command is None:
            return None
        for name in ("{input}", "{output}"):
            if name not in command:
                raise ValueError(f"found {command!r}; expected {name} in it")
        try:
            shlex.split(command)
        except ValueError as error:
            raise ValueError(f"found {command!r} ({error}); expected a command") from None
        return command


class Acquire(Section):
    """The source of the volumes, and the subjects."""

    source: Annotated[Literal["phantom", "directory", "dicom", "archive", "kaggle"], COMMON] = (
        "phantom"
    )
    """Where the volumes come from: phantom (simulated), directory, dicom, archive or kaggle."""

    subjects: Annotated[Subjects, COMMON] = "001-015"
    """Training subjects: `all`, a range such as 001-015, or a list of names or numbers. The paper
    uses 001 to 015."""

    held_out: Annotated[Subjects, COMMON] = "016-035"
    """Subjects set aside for the evaluation, in the same form; `[]` means no evaluation. This
    default applies to the default `subjects`; for other subjects it is `[]`. `subjects: all` means
    all except these."""

    person: str | None = None
    """Which part of a subject's name identifies the person. A person scanned at several time points
    has several subjects. All of them must be training subjects, or all must be held out.
    `"{person}_*"` leaves out what follows the last `_`; with `"{person}"` each subject is a
    different person. Null takes the person from the layout, or from names of a known form. If names
    are ambiguous, the run stops and asks for this key."""

    on_bad_volume: Annotated[Literal["fail", "skip"], COMMON] = "fail"
    """Stop at a volume that fails its checks (fail), or leave it out and report it (skip)."""

    volume: VolumeCheck = VolumeCheck()
    conform: Conform = Conform()
    phantom: Phantom = Phantom()
    directory: Directory = Directory()
    dicom: Dicom = Dicom()
    archive: Archive = Archive()
    kaggle: Kaggle = Kaggle()

    @model_validator(mode="before")
    @classmethod
    def _drop_default_held_out(cls, content: Any) -> Any:
        """Keep the default held-out subjects for the default subjects only."""
        default = cls.model_fields["subjects"].default
        if isinstance(content, dict) and content.get("subjects", default) != default:
            return {"held_out": [], **content}
        return content

    @field_validator("person", mode="before")
    @classmethod
    def _check_person(cls, value: object) -> object:
        if isinstance(value, dict):
            raise ValueError('put it in quotes, such as "{person}_*"')
        if isinstance(value, str) and value.count("{person}") != 1:
            raise ValueError(f"found {value!r}; expected {{person}} in it once")
        return value

    @field_validator("subjects", "held_out", mode="before")
    @classmethod
    def _check_numbers_are_quoted(cls, value: object) -> object:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, int):
                raise ValueError(
                    f"found the number {item}; put subjects in quotes, because YAML reads 010 as 8"
                )
        return value

    @model_validator(mode="after")
    def _check_subjects(self) -> Self:
        if self.subjects == []:
            raise ValueError("subjects: found an empty list; name at least one subject")
        if self.held_out == "all":
            raise ValueError("held_out: found all, so none is left to train on; give a range")
        if self.source in {"directory", "dicom"} and self.folder is None:
            raise ValueError(f"source is {self.source}, but {self.source}.path is not set; set it")
        if self.conform.resample is not None and self.volume.spacing is None:
            raise ValueError("conform.resample needs volume.spacing, the new size of a voxel")
        if self.source == "phantom" and self.subjects == "all":
            raise ValueError(
                "subjects: found all, but the phantom source is endless; give a range such as "
                "001-015"
            )
        return self

    @property
    def folder(self) -> Path | None:
        """The folder of the source, if it is one on this machine."""
        path: Path | None = getattr(getattr(self, self.source), "path", None)
        return path

    @property
    def wanted(self) -> Subjects:
        """All subjects of the study, including the held-out ones, in the form of `subjects`."""
        if self.subjects == "all" or not self.held_out:
            return self.subjects
        parts = [self.subjects, self.held_out]
        return [
            item for part in parts for item in (part.split(",") if isinstance(part, str) else part)
        ]


class Slice(Section):
    """Axial slices as 8-bit pages. Anterior is up, and the patient's right is on the left."""

    first: Annotated[int, Field(ge=0), COMMON] = 60
    """Level of the first axial slice, in mm above the lowest slice (the paper: 60). With slices
    1 mm apart, this is the number of the slice, counted from 0."""

    last: Annotated[int, Field(ge=0), COMMON] = 107
    """Level of the last axial slice, included (the paper: 107, for 48 slices per subject)."""

    window: tuple[Percentage, Percentage] = (0.5, 99.5)
    """Intensity window: these percentiles of the volume's brain voxels become the grey levels 1
    and 255. The background is 0. Open in the paper."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) is below first ({self.first}); exchange them")
        if self.window[1] <= self.window[0]:
            raise ValueError(f"window: found {list(self.window)}; expected the lower value first")
        return self


class Resize(Section):
    """How slices are brought to the image size of the networks."""

    size: Annotated[Count, COMMON] = 256
    """Width and height of the images in pixels (the paper: 256). The networks must fit: see
    `channels` of the generator, and `kernels` of the discriminator."""

    mode: Literal["resize", "pad"] = "resize"
    """`resize` resamples the slice (the paper). `pad` centres it on a black square without
    resampling, which needs square voxels of one spacing. In both modes, what is cut off must be
    black."""

    field_of_view: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Width and height of an image in mm, with `mode: resize`. It is the same for all subjects, so
    that all pixels have the same size. Null means the longer in-plane side of `acquire.volume`
    (240 mm). Set it if `acquire.volume` accepts any shape or spacing."""

    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    """Pillow's resampling filter. Open in the paper."""

    @model_validator(mode="after")
    def _check_field_of_view(self) -> Self:
        if self.mode == "pad" and self.field_of_view is not None:
            raise ValueError("field_of_view is for mode: resize; pad keeps the size of the voxels")
        return self
