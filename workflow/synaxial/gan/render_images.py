"""Each page of a stack as a PNG of its own."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from synaxial.io.images import as_grey
from synaxial.io.stacks import Stack


def write_images(directory: Path, name: str, stack: Stack, masks: Stack | None = None) -> None:
    """Write `{name}_{index:03d}.png` for each page, its description as the PNG's own.

    Of a mask it is `{name}_{index:03d}_mask.png`, grey of 0 and 255.

    All are written beside the folder first and moved into it at the end; what else is in the
    folder stays.

    Parameters
    ----------
    directory
        Is made if it is not there.
    name
        The stack's name.
    stack
        Grey or RGB pages.
    masks
        The images' masks, if they have any.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".partial-", dir=directory.parent) as beside:
        _write_pages(Path(beside), name, "", stack.pages, stack)
        if masks is not None:
            _write_pages(Path(beside), name, "_mask", as_grey(masks.pages), masks)
        directory.mkdir(exist_ok=True)
        for file in sorted(Path(beside).iterdir()):
            file.replace(directory / file.name)


def _write_pages(
    folder: Path, name: str, ending: str, pages: NDArray[np.uint8], stack: Stack
) -> None:
    """Write pages with the descriptions of their stack."""
    for index, (page, description) in enumerate(zip(pages, stack.descriptions, strict=True)):
        information = PngInfo()
        information.add_text("Description", json.dumps(description))
        target = folder / f"{name}_{index:03d}{ending}.png"
        Image.fromarray(page).save(target, pnginfo=information)
