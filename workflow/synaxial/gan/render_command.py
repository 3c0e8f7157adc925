"""`synaxial render`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config import read_study
from synaxial.gan.render_images import write_images
from synaxial.gan.render_volume import FIELD_OF_VIEW, compressed, make_volume
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole
from synaxial.io.images import as_grey, outlined
from synaxial.io.sheets import make_sheet
from synaxial.io.stacks import INSIDE, images_of, masks_of, read_stack

#: Pixels between the images of a sheet.
GAP = 2


def run(
    config: Annotated[Path, typer.Option(help="Study file; its section render (columns).")],
    stack: Annotated[Path, typer.Option(help="Stack of generated images (.tif).")],
    sheet: Annotated[Path | None, typer.Option(help="Sheet of all images to write (.png).")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder for every image as a PNG of its own.")
    ] = None,
    nifti: Annotated[
        Path | None, typer.Option(help="The stack as a grey volume to write (.nii.gz).")
    ] = None,
    outlines: Annotated[
        Path | None,
        typer.Option(help="Of a stack with masks: sheet with the masks' outlines (.png)."),
    ] = None,
    nifti_masks: Annotated[
        Path | None,
        typer.Option(help="Of a stack with masks: the masks as a volume of 0 and 1 (.nii.gz)."),
    ] = None,
    field_of_view: Annotated[
        float, typer.Option(min=1.0, help="For the volume: mm across an image; BraTS has 240.")
    ] = FIELD_OF_VIEW,
) -> None:
    """Make pictures of a stack: a sheet of all images pixel for pixel, PNGs, a volume.

    At least one of --sheet, --images, --nifti, --outlines and --nifti-masks says what to make.
    The volume's pages lie 1 mm apart along the superior axis; they are independent images.
    Of a stack with masks, the PNGs have the masks beside the images, and the volume of the masks
    lies over that of the images.
    """
    study = read_study(config)
    if all(wanted is None for wanted in (sheet, images, nifti, outlines, nifti_masks)):
        options = "--sheet, --images, --nifti, --outlines or --nifti-masks"
        raise SynaxialError("render", "nothing to make", options)
    for name in (nifti, nifti_masks):
        if name is not None and not name.name.endswith(".nii.gz"):
            raise SynaxialError(name, "is no name for a NIfTI volume", "a name ending in .nii.gz")
    pages = read_stack(stack)
    content, masks = images_of(pages, stack), masks_of(pages, stack)
    if masks is None and (outlines or nifti_masks):
        raise SynaxialError(
            stack, "has no masks", "a stack of an experiment with masks: true", "see docs/masks.md"
        )
    inside = None if masks is None else as_grey(masks.pages)
    with ExitStack() as files:

        def draw(path: Path | None, shown: NDArray[np.uint8]) -> None:
            if path is not None:
                columns = min(study.render.columns, len(shown))
                picture = make_sheet(shown, columns, GAP)
                picture.save(files.enter_context(written_whole(path)), format="PNG")

        def fill(path: Path | None, voxels: NDArray[np.uint8]) -> None:
            if path is not None:
                volume = compressed(make_volume(voxels, field_of_view))
                files.enter_context(written_whole(path)).write_bytes(volume)

        draw(sheet, content.pages)
        fill(nifti, content.pages)
        if inside is not None:
            draw(outlines, outlined(content.pages, inside))
            fill(nifti_masks, inside // INSIDE)
        if images is not None:
            write_images(images, stack.stem, content, masks)
