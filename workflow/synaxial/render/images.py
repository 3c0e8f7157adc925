"""Each page of a stack as a PNG of its own."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from synaxial.stacks import Stack


def write_images(directory: Path, name: str, stack: Stack) -> None:
    """Write `{name}_{index:03d}.png` for each page, its description as the PNG's own.

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
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".partial-", dir=directory.parent) as beside:
        for index, (page, description) in enumerate(
            zip(stack.pages, stack.descriptions, strict=True)
        ):
            information = PngInfo()
            information.add_text("Description", json.dumps(description))
            target = Path(beside) / f"{name}_{index:03d}.png"
            Image.fromarray(page).save(target, pnginfo=information)
        directory.mkdir(exist_ok=True)
        for file in sorted(Path(beside).iterdir()):
            file.replace(directory / file.name)
