"""`synaxial export bids`: generated images, and a study's volumes and slices, as BIDS derivatives.

Source: the Brain Imaging Data Structure 1.10 (Gorgolewski et al., 2016), chapter "Derivatives".
"""

import json
import logging
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import nibabel
import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.data.volumes.conform import LARGEST_BRAIN
from synaxial.data.volumes.intensities import NOT_STRIPPED
from synaxial.data.volumes.manifest import used_subjects
from synaxial.data.volumes.nifti import open_image
from synaxial.data.volumes.record import Record, read_record
from synaxial.gan.rendering import compressed, volume_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import check_free, is_placeholder, write_csv, write_json, write_text
from synaxial.io.images import as_grey
from synaxial.io.stacks import INSIDE, Stack, images_of, masks_of, read_stack
from synaxial.studies.export.sizes import size_of

#: Raise it when the results of this stage change.
VERSION = 3

BIDS = "1.10.0"

log = logging.getLogger(__name__)

#: The columns of participants.tsv, and what they mean.
COLUMNS = {
    "person": "Who it is: participants with one person are the same one at other times",
    "synthetic": "Whether the participant is synthetic: no real person",
    "generator": "Start of the SHA-256 of the generator",
    "stack": "Number of the stack of generated images",
    "image": "Number of the image in its stack; of a head, n/a",
    "sampling_seed": "Seed of the stack",
    "level": "Level of the slice that was asked for, in mm; of a head, its first level",
    "tumour": "Whether a tumour was asked for; of a head, at any level",
    "side": "Side of the patient on which the tumour was asked for",
    "size": "Diameter of the tumour that was asked for, in mm; of a head, the largest",
}

README = """\
# Data of Synaxial

Axial FLAIR slices of brains in the form of BIDS derivatives.

Participants with `synthetic` true are not people. A neural network made their images, each for
itself. A participant is one image, or a head whose slices were made one by one with one latent. The
images are for research on methods, not for diagnosis. A generator can repeat parts of its training
images.

Participants with `synthetic` false are subjects of the study. Those with one `person` are one
person at several times: keep them together when you divide the data. Their volumes were reoriented
and checked; `desc-slices` are the 8-bit slices that the networks are trained with. The terms of
their data apply.
"""


@dataclass(frozen=True)
class File:
    """A volume of a participant: the end of its name, the volume, and its sidecar."""

    ending: str
    volume: nibabel.Nifti1Image
    sidecar: dict[str, Any]


@dataclass(frozen=True)
class Participant:
    """A participant: its label, its row of participants.tsv, and its files, of one session or none.

    A person who was scanned several times is a participant with several sessions.
    """

    label: str
    row: dict[str, Any]
    files: list[File] = field(default_factory=list)
    session: str = ""


def run(
    output: Annotated[Path, typer.Option(help="The data set to write, a folder.")],
    stacks: Annotated[
        list[Path] | None,
        typer.Argument(metavar="STACK...", help="Stacks of generated images (.tif)."),
    ] = None,
    real: Annotated[
        Path | None,
        typer.Option(help="Folder of results, whose subjects' volumes and slices are written too."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The study of images that are in no folder of results, for their size."),
    ] = None,
) -> None:
    """Write images as BIDS derivatives.

    Each generated image is a participant of its own, and so is each head of `synaxial sample
    --levels`. The size of a pixel is that of the study in whose folder of results an image is.

    \b
    Example: synaxial export bids --output bids --real results
      results/experiments/final/seed_1/samples/stack_0.tif
    """
    check_free(output)
    if not stacks and real is None:
        raise SynaxialError("export bids", "nothing to write", "stacks, or --real")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=output.parent) as beside:
        folder = Path(beside) / "data"
        count = write_dataset(folder, participants_of(stacks or [], real, config))
        folder.rename(output)
    log.info("%s: %d participants", output, count)


def participants_of(
    stacks: Sequence[Path], real: Path | None, config: Path | None
) -> Iterator[Participant]:
    """Give the synthetic participants, then the subjects of the study; see `size_of`."""
    for path in stacks:
        yield from synthetic(path, *size_of(path, config))
    if real is not None:
        yield from subjects(real, *size_of(real, config))


def write_dataset(folder: Path, participants: Iterator[Participant]) -> int:
    """Write a data set into a new folder, and return the number of participants.

    Raises
    ------
    SynaxialError
        Two participants have one label, and no sessions that differ.
    """
    rows: dict[str, dict[str, Any]] = {}
    names = set()
    for participant in participants:
        label = f"sub-{participant.label}"
        session = f"ses-{participant.session}" if participant.session else ""
        name = f"{label}_{session}" if session else label
        if name in names:
            raise SynaxialError(name, "is twice in the data set", "each image and subject once")
        names.add(name)
        rows[label] = participant.row
        for file in participant.files:
            path = folder / label / session / "anat" / f"{name}_{file.ending}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(compressed(file.volume))
            write_json(path.with_name(f"{name}_{file.ending}.json"), file.sidecar)
    table = [{"participant_id": label} | row for label, row in rows.items()]
    write_csv(folder / "participants.tsv", ["participant_id", *COLUMNS], table, delimiter="\t")
    columns = {"participant_id": "A generator's digest, stack and image, or a subject"} | COLUMNS
    described = {name: {"Description": text} for name, text in columns.items()}
    write_json(folder / "participants.json", described)
    write_json(
        folder / "dataset_description.json",
        {
            "Name": "Axial FLAIR slices of Synaxial",
            "BIDSVersion": BIDS,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "Synaxial", "Version": version("synaxial")}],
        },
    )
    write_text(folder / "README.md", README)
    return len(rows)


def synthetic(path: Path, width: int, pixel: float) -> Iterator[Participant]:
    """Give the participants of a stack: each image, or the head.

    `width` is that of the study's images, and `pixel` the side of their pixels in mm.
    """
    stack = read_stack(path)
    images, masks = images_of(stack, path), masks_of(stack, path)
    if images.pages.shape[2] != width:
        raise SynaxialError(
            path, f"has images of {images.pages.shape[2]} pixels", f"{width}, as resize.size"
        )
    inside = None if masks is None else as_grey(masks.pages) // INSIDE
    if images.descriptions[0].get("series") == "head":
        yield _participant(path, images, inside, pixel)
        return
    for number in range(len(images.pages)):
        one = slice(number, number + 1)
        single = Stack(images.pages[one], images.descriptions[one])
        yield _participant(path, single, None if inside is None else inside[one], pixel)


def _participant(
    path: Path, images: Stack, masks: NDArray[np.uint8] | None, pixel: float
) -> Participant:
    """Return the participant of one image, or of all images of a head."""
    first = images.descriptions[0]
    try:
        generator, stack, image = first["generator"], first["stack"], first["image"]
        seed = first["seed"]
    except KeyError as error:
        raise SynaxialError(
            path, f"does not say the {error} of its images", "a stack of `synaxial sample`"
        ) from error
    is_head = first.get("series") == "head"
    # Images with one number differ by their sampling seed, or by what was asked for.
    digest = sha256(json.dumps(images.descriptions, sort_keys=True).encode()).hexdigest()
    name = "head" if is_head else f"i{image:03d}"
    asked = [page.get("asked", {}) for page in images.descriptions]
    level = asked[0].get("level")
    tumours = [page["tumour"] for page in asked if "tumour" in page]
    row = {
        "person": "n/a",
        "synthetic": "true",
        "generator": generator[:16],
        "stack": stack,
        "image": "n/a" if is_head else image,
        "sampling_seed": seed,
        "level": "n/a" if level is None else level,
        "tumour": str(any(tumours)).lower() if tumours else "n/a",
        "side": next((page["side"] for page in asked if "side" in page), "n/a"),
        "size": max((page["size"] for page in asked if "size" in page), default="n/a"),
    }
    sidecar = {
        "Description": "Synthetic image, made by a neural network. It shows no real person.",
        "SkullStripped": True,
        "GeneratedImages": images.descriptions,
    }
    files = [
        File("desc-synthetic_FLAIR", volume_of(images.pages, pixel, images.descriptions), sidecar)
    ]
    if masks is not None:
        of_mask = {
            "Description": "Tumour mask, made with the image by the same generator.",
            "Type": "Lesion",
            "SkullStripped": True,
        }
        files.append(
            File("desc-tumour_mask", volume_of(masks, pixel, images.descriptions), of_mask)
        )
    return Participant(f"{generator[:8]}s{stack}{name}x{digest[:6]}", row, files)


def subjects(results: Path, width: int, pixel: float) -> Iterator[Participant]:
    """Give the subjects of a study that are not skipped, by the manifest in its folder of results.

    A subject that was taken out of the study may still have files there.

    Raises
    ------
    SynaxialError
        The folder has no manifest, a volume is damaged, or images have another width than the
        study's.
    """
    for subject in sorted(used_subjects(results / "manifest.csv")):
        record = read_record(results / "volumes" / f"{subject}.json")
        file = results / "volumes" / f"{subject}_flair.nii.gz"
        volume = open_image(file, str(file))
        about = {
            "Description": "Volume in canonical orientation. "
            + ("; ".join(record.notes) or "Its voxels are those of the original."),
            "SkullStripped": not has_skull(record),
        }
        files = [File("desc-canonical_FLAIR", volume, about)]
        stack = results / "images" / f"{subject}.tif"
        if stack.exists() and not is_placeholder(stack):
            made = _slices(stack, volume.affine, volume.shape, width, pixel)
            told = about | {"Description": "8-bit slices, as the networks see them."}
            files.append(File("desc-slices_FLAIR", made, told))
        row = dict.fromkeys(COLUMNS, "n/a") | {"person": record.person, "synthetic": "false"}
        name, _, session = subject.removeprefix("sub-").partition("_ses-")
        label, session = (re.sub(r"[^A-Za-z0-9]", "", part) for part in (name, session))
        yield Participant(label, row, files, session)


def has_skull(record: Record) -> bool:
    """Tell whether a volume seems to have its skull."""
    litres = record.brain_voxels * math.prod(record.spacing_mm or [0.0]) / 1e6
    return NOT_STRIPPED in record.warnings or litres > LARGEST_BRAIN


def _slices(
    path: Path,
    affine: NDArray[np.float64],
    shape: tuple[int, ...],
    width: int,
    pixel: float,
) -> nibabel.Nifti1Image:
    """Return the slices of a subject as a volume that lies over its canonical volume.

    That volume has this affine and shape, with axes to the left, posterior and superior; the
    slices are in the middle of its field of view. `width` is that of the study's images.
    """
    stack = read_stack(path)
    if stack.pages.shape[2] != width:
        raise SynaxialError(
            path, f"has images of {stack.pages.shape[2]} pixels", f"{width}, as resize.size"
        )
    numbers = [page["slice"] for page in stack.descriptions]
    apart = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    own = np.eye(4)
    own[:3, :3] = affine[:3, :3] / sizes * [pixel, pixel, sizes[2] * apart]
    middle = affine @ [(shape[0] - 1) / 2, (shape[1] - 1) / 2, numbers[0], 1]
    own[:3, 3] = middle[:3] - own[:3, :3] @ [(width - 1) / 2, (width - 1) / 2, 0]
    volume = nibabel.Nifti1Image(as_grey(stack.pages).transpose(2, 1, 0), own)
    volume.header.set_xyzt_units("mm")
    volume.set_qform(own, code="aligned")
    volume.set_sform(own, code="aligned")
    return volume
