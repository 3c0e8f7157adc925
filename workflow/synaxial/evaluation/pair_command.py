"""`synaxial evaluate pair`."""

from pathlib import Path
from typing import Annotated

import typer

from synaxial.evaluation.pairs import SIDE, draw_pair, title_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole
from synaxial.io.stacks import images_of, read_stack


def run(
    experiment: Annotated[str, typer.Option(help="Name of the experiment at the left.")],
    base: Annotated[str, typer.Option(help="Name of the experiment at the right.")],
    seed: Annotated[int, typer.Option(help="The seed of both trainings.")],
    left: Annotated[Path, typer.Option(help="A stack of the experiment (.tif).")],
    right: Annotated[Path, typer.Option(help="The base's stack of the same number (.tif).")],
    output: Annotated[Path, typer.Option(help="The picture to write (.png).")],
) -> None:
    """Show two experiments' images of the same noise side by side, as the paper's figures do."""
    stacks = [images_of(read_stack(path), path) for path in (left, right)]
    numbers = [
        [(page.get("seed"), page.get("stack"), page.get("image")) for page in stack.descriptions]
        for stack in stacks
    ]
    if any(a != b or None in a for a, b in zip(*numbers, strict=False)):
        raise SynaxialError(
            right, f"is not made of the noise of {left}", "two stacks of one sample.seed and number"
        )
    pages = [stack.pages for stack in stacks]
    for path, images in zip((left, right), pages, strict=True):
        if len(images) < SIDE:
            raise SynaxialError(path, f"has {len(images)} images", f"{SIDE} or more")
    with written_whole(output) as partial:
        draw_pair(pages[0], pages[1], title_of(experiment, seed, base)).save(partial)
