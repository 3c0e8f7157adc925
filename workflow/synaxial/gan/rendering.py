"""`synaxial render`: a stack as a sheet, as PNGs and as a NIfTI volume."""

import gzip
import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import nibabel
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from synaxial.config import Study, pixel_millimetres, read_study
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole
from synaxial.io.images import as_grey, outlined
from synaxial.io.sheets import make_sheet
from synaxial.io.stacks import INSIDE, Stack, images_of, masks_of, read_stack

#: Raise it when the results of this stage change.
VERSION = 2

#: Pixels between the images of a sheet.
GAP = 2

#: Millimetres between pages. Pages are independent images, so this is only a convention.
PAGE_SPACING = 1.0

#: The centre of a BraTS slice in the right-anterior-superior coordinates of NIfTI, in mm: x runs
#: from 0 to -239 and y from 239 to 0. Generated images have the same centre, so that they lie over
#: the real ones.
CENTRE = (-119.5, 119.5)

#: Milliseconds for each image of a film.
FRAME = 100

#: NIfTI's description; it has room for 79 characters.
DESCRIPTION = "synaxial: independent generated images, their 1 mm spacing is a convention"
HEAD = "synaxial: a generated head, made slice by slice; slices may not fit each other"
WAY = "synaxial: generated images from one to another, 1 mm spacing is a convention"
UNKNOWN_SIZE = "synaxial: generated images; THE SIZE OF A PIXEL IS NOT KNOWN"

#: The description of a volume by the `series` of its pages.
DESCRIPTIONS = {"head": HEAD, "interpolation": WAY}

logger = logging.getLogger(__name__)


def run(
    config: Annotated[
        Path, typer.Option(help="The study, for its sections render, resize and acquire.volume.")
    ],
    stack: Annotated[Path, typer.Option(help="Stack of generated images (.tif).")],
    sheet: Annotated[Path | None, typer.Option(help="Sheet of all images to write (.png).")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder for a PNG of each image, and of each mask.")
    ] = None,
    nifti: Annotated[
        Path | None, typer.Option(help="Grey volume of the images to write (.nii.gz).")
    ] = None,
    outlines: Annotated[
        Path | None, typer.Option(help="Sheet with the outlines of the masks to write (.png).")
    ] = None,
    nifti_masks: Annotated[
        Path | None, typer.Option(help="Volume of the masks, 0 and 1, to write (.nii.gz).")
    ] = None,
    film: Annotated[Path | None, typer.Option(help="Film of the images to write (.gif).")] = None,
) -> None:
    """Draw a stack as a sheet, as PNGs, as a volume or as a film.

    Give at least one of --sheet, --images, --nifti, --outlines, --nifti-masks and --film. The
    images of a volume are 1 mm apart, but they are independent of each other, except those of a
    head (`synaxial sample --levels`): they are at their levels. The volume of the masks has the
    same geometry as that of the images.

    \b
    Example: synaxial render --config results/configuration.yaml --stack a.tif --nifti a.nii.gz
    """
    study = read_study(config)
    columns = study.render.columns
    if all(wanted is None for wanted in (sheet, images, nifti, outlines, nifti_masks, film)):
        options = "--sheet, --images, --nifti, --outlines, --nifti-masks or --film"
        raise SynaxialError("render", "nothing to make", options)
    for name, kind, ending in (
        (nifti, "a NIfTI volume", ".nii.gz"),
        (nifti_masks, "a NIfTI volume", ".nii.gz"),
        (film, "a film", ".gif"),
    ):
        if name is not None and not name.name.endswith(ending):
            raise SynaxialError(name, f"is not a name of {kind}", f"a name ending in {ending}")
    pages = read_stack(stack)
    content, masks = images_of(pages, stack), masks_of(pages, stack)
    if masks is None and (outlines or nifti_masks):
        raise SynaxialError(
            stack, "has no masks", "a stack of an experiment with masks: true", "see docs/masks.md"
        )
    pixel = _pixel_of(content, study, stack) if nifti or nifti_masks else None
    # All files appear at the end, or none does.
    with ExitStack() as files:
        write_sheet(files, sheet, content.pages, columns)
        write_film(files, film, content.pages)
        write_volume(files, nifti, content.pages, pixel, content.descriptions)
        if masks is not None:
            inside = as_grey(masks.pages)
            write_sheet(files, outlines, outlined(content.pages, inside), columns)
            write_volume(files, nifti_masks, inside // INSIDE, pixel, content.descriptions)
        if images is not None:
            write_images(images, stack.stem, content, masks)


def _pixel_of(stack: Stack, study: Study, path: Path) -> float | None:
    """Return the side of a pixel in mm, or None if the images are not of the study's size."""
    width = stack.pages.shape[2]
    if width == study.resize.size:
        return pixel_millimetres(study)
    logger.warning(
        "%s: the size of a pixel in mm is not known, because the images have %d pixels a side, not "
        "the %d of resize.size; the volume has 1 mm",
        path,
        width,
        study.resize.size,
    )
    return None


def write_sheet(
    files: ExitStack, path: Path | None, pages: NDArray[np.uint8], columns: int
) -> None:
    """Write a sheet of pages, pixel by pixel, if there is a path for it."""
    if path is not None:
        picture = make_sheet(pages, min(columns, len(pages)), GAP)
        picture.save(files.enter_context(written_whole(path)), format="PNG")


def write_film(files: ExitStack, path: Path | None, pages: NDArray[np.uint8]) -> None:
    """Write an endless film of the pages, in grey, if there is a path for it."""
    if path is not None:
        first, *others = (Image.fromarray(page) for page in as_grey(pages))
        first.save(
            files.enter_context(written_whole(path)),
            format="GIF",
            save_all=True,
            append_images=others,
            duration=FRAME,
            loop=0,
        )


def write_volume(
    files: ExitStack,
    path: Path | None,
    pages: NDArray[np.uint8],
    pixel: float | None,
    descriptions: Sequence[dict[str, Any]],
) -> None:
    """Write a volume of pages with these descriptions, if there is a path for it."""
    if path is not None:
        content = compressed(volume_of(pages, pixel, descriptions))
        files.enter_context(written_whole(path)).write_bytes(content)


def write_images(folder: Path, name: str, stack: Stack, masks: Stack | None = None) -> None:
    """Write a PNG of each page, `{name}_{index:03d}.png`, with the page's description.

    Masks are `{name}_{index:03d}_mask.png`, grey of 0 and 255. All files are written beside the
    folder first and moved into it at the end; other files in the folder stay.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".partial-", dir=folder.parent) as beside:
        _write_pages(Path(beside), name, "", stack.pages, stack)
        if masks is not None:
            _write_pages(Path(beside), name, "_mask", as_grey(masks.pages), masks)
        folder.mkdir(exist_ok=True)
        for file in sorted(Path(beside).iterdir()):
            file.replace(folder / file.name)


def _write_pages(
    folder: Path, name: str, ending: str, pages: NDArray[np.uint8], stack: Stack
) -> None:
    for index, (page, description) in enumerate(zip(pages, stack.descriptions, strict=True)):
        information = PngInfo()
        information.add_text("Description", json.dumps(description))
        target = folder / f"{name}_{index:03d}{ending}.png"
        Image.fromarray(page).save(target, pnginfo=information)


def volume_of(
    pages: NDArray[np.uint8], pixel: float | None, descriptions: Sequence[dict[str, Any]]
) -> nibabel.Nifti1Image:
    """Return pages as `make_volume` does, with what their descriptions say.

    A head and a single image lie at the level that was asked for. What was asked of each page is a
    comment of the header, in JSON.
    """
    asked = [description.get("asked", {}) for description in descriptions]
    series = descriptions[0].get("series", "")
    has_place = series == "head" or len(pages) == 1
    volume = make_volume(pages, pixel, asked[0].get("level") if has_place else None)
    if pixel is not None:
        volume.header["descrip"] = DESCRIPTIONS.get(series, DESCRIPTION)
    if any(asked):
        comment = json.dumps({"asked": asked}).encode()
        volume.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", comment))
    return volume


def make_volume(
    pages: NDArray[np.uint8], pixel: float | None, bottom: float | None = None
) -> nibabel.Nifti1Image:
    """Return pages, uint8 (N, H, W) or (N, H, W, 3), as axial slices of a volume, uint8 (W, H, N).

    The axes of the voxel array point to the patient's left (columns of an image), to posterior
    (rows) and to superior (pages), as in the acquired volumes. `pixel` is the side of a pixel in
    mm. None means that it is not known: the header says so, and has 1 mm. `bottom` is the level of
    the first page in mm, or None if independent pages have no levels.
    """
    voxels = as_grey(pages).transpose(2, 1, 0)
    width, height = voxels.shape[:2]
    spacing = 1.0 if pixel is None else pixel
    affine = np.diag([-spacing, -spacing, PAGE_SPACING, 1.0])
    affine[0, 3] = CENTRE[0] + spacing * (width - 1) / 2
    affine[1, 3] = CENTRE[1] + spacing * (height - 1) / 2
    affine[2, 3] = bottom or 0
    volume = nibabel.Nifti1Image(voxels, affine)
    volume.header.set_xyzt_units("unknown" if pixel is None else "mm")
    volume.header["descrip"] = UNKNOWN_SIZE if pixel is None else DESCRIPTION
    # "Aligned": the coordinates are those of the training data, not of a scanner.
    volume.set_qform(affine, code="aligned")
    volume.set_sform(affine, code="aligned")
    return volume


def compressed(volume: nibabel.Nifti1Image) -> bytes:
    """Return the bytes of a .nii.gz file: the same for the same volume, without a time."""
    return gzip.compress(volume.to_bytes(), compresslevel=6, mtime=0)
