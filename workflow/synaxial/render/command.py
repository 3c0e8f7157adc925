"""`synaxial render`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from synaxial.configuration import read_study
from synaxial.errors import SynaxialError
from synaxial.files import written_whole
from synaxial.render.images import write_images
from synaxial.render.volume import FIELD_OF_VIEW, compressed, make_volume
from synaxial.sheets import make_sheet
from synaxial.stacks import read_stack

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
    field_of_view: Annotated[
        float, typer.Option(min=1.0, help="For the volume: mm across an image; BraTS has 240.")
    ] = FIELD_OF_VIEW,
) -> None:
    """Make pictures of a stack: a sheet of all images pixel for pixel, PNGs, a volume.

    At least one of --sheet, --images and --nifti says what to make.
    The volume's pages lie 1 mm apart along the superior axis; they are independent images.
    """
    study = read_study(config)
    if sheet is None and images is None and nifti is None:
        raise SynaxialError("render", "nothing to make", "--sheet, --images or --nifti")
    if nifti is not None and not nifti.name.endswith(".nii.gz"):
        raise SynaxialError(nifti, "is no name for a NIfTI volume", "a name ending in .nii.gz")
    content = read_stack(stack)
    with ExitStack() as files:
        if sheet is not None:
            columns = min(study.render.columns, len(content.pages))
            picture = make_sheet(content.pages, columns, GAP)
            picture.save(files.enter_context(written_whole(sheet)), format="PNG")
        if nifti is not None:
            volume = compressed(make_volume(content.pages, field_of_view))
            files.enter_context(written_whole(nifti)).write_bytes(volume)
        if images is not None:
            write_images(images, stack.stem, content)
