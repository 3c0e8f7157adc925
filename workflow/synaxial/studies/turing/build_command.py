"""`synaxial study turing build`."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config import read_study
from synaxial.config.model import Study
from synaxial.data.dataset.reading import read_dataset, read_index
from synaxial.data.subjects import person_of
from synaxial.evaluation.image_sets import read_set
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_text
from synaxial.io.stacks import count_images, read_shape, read_stack
from synaxial.studies.turing.choosing import Shown, choose
from synaxial.studies.turing.files import Key, KeyImage, write_key
from synaxial.studies.turing.page import make_page

logger = logging.getLogger(__name__)


def run(
    stacks: Annotated[
        list[Path], typer.Option(metavar="STACK...", help="Generated images (.tif).")
    ],
    held_out: Annotated[Path, typer.Option(help="Data set of subjects that no network saw.")],
    page: Annotated[Path, typer.Option(help="The page to write (.html).")],
    key: Annotated[Path, typer.Option(help="The truth to write (.json); readers must not see it.")],
    training: Annotated[
        Path | None,
        typer.Option(help="Data set of the subjects trained with: none may be held out too."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Study file; its section turing. Without: its defaults.")
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            min=10,
            help="In place of turing.images. Of one reader, 230 (the default) show with a power of"
            " 80 % that who is right in 60 % does not guess, or that who guesses is right in 50 %,"
            " give or take 10 points; docs/studies/turing.md has other numbers.",
        ),
    ] = None,
    repeats: Annotated[
        float | None, typer.Option(min=0, max=1 / 3, help="In place of turing.repeats.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of turing.seed.")] = None,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Make a page on which readers tell generated images from real ones, and its key.

    The page is one file that works in any browser, sends nothing, and does not contain the truth.
    """
    settings = (Study() if config is None else read_study(config)).turing
    given = {"images": images, "repeats": repeats, "seed": seed}
    settings = settings.model_copy(update={k: v for k, v in given.items() if v is not None})
    every_stack = [*stacks, *(others or [])]
    check_outputs(page, key)
    check_stacks(every_stack)
    counts = [count_images(stack) for stack in every_stack]
    generated = read_set(every_stack, sum(counts)).pixels
    real, rows = read_dataset(held_out)
    if generated.shape[1:] != real.pixels.shape[1:]:
        raise SynaxialError(
            held_out,
            f"its images have the shape {real.pixels.shape[1:]}",
            f"{generated.shape[1:]}, as those of {every_stack[0]}",
        )
    if training is not None:
        check_unseen(held_out, rows, training)
    try:
        chosen = choose(
            len(generated),
            [person_of(row["subject"]) for row in rows],
            [int(row["slice"]) for row in rows],
            settings.images,
            settings.repeats,
            settings.seed,
        )
    except ValueError as error:
        raise SynaxialError(
            "turing.images", f"there are {error}", remedy="show fewer or make more"
        ) from error
    pixels: NDArray[np.uint8] = np.stack(
        [(generated if image.generated else real.pixels)[image.origin] for image in chosen]
    )
    text, digest = make_page([image.identifier for image in chosen], pixels)
    origins = Origins(every_stack, counts, rows)
    write_key(key, make_key(chosen, digest, settings.seed, origins))
    write_text(page, text)
    logger.info("%s: %d images; keep %s from readers", page, len(chosen), key)


def check_outputs(page: Path, key: Path) -> None:
    """Refuse to write over a page that readers may have, or its key."""
    if page.resolve() == key.resolve():
        raise SynaxialError("--key", f"is {key}, as --page", "a file of its own")
    for path in (page, key):
        if path.exists():
            raise SynaxialError(
                path,
                "is there already, and answers to its page are worth nothing without its key",
                "a path where nothing is",
                "name another, or move page and key away together",
            )


def check_stacks(stacks: list[Path]) -> None:
    """Refuse a stack given twice, and images that no generator made."""
    seen: set[Path] = set()
    for path in stacks:
        if path.resolve() in seen:
            raise SynaxialError(path, "is given twice", "each stack once")
        seen.add(path.resolve())
        if not all(page.get("generated") is True for page in read_stack(path).descriptions):
            raise SynaxialError(
                path, "has images that were not generated", "a stack of `synaxial sample`"
            )


def check_unseen(held_out: Path, rows: list[dict[str, str]], training: Path) -> None:
    """Refuse held-out images of people whom the networks were trained with."""
    seen = {person_of(row["subject"]) for row in read_index(training / "index.csv")}
    both = seen & {person_of(row["subject"]) for row in rows}
    if both:
        raise SynaxialError(
            held_out,
            f"has {len(both)} people of {training} too",
            "subjects that none was trained with",
        )


def image_pages(stack: Path, count: int) -> range:
    """Return which pages of a stack its images are: where there are masks, every second one."""
    pages = read_shape(stack)[0]
    return range(0, pages, pages // count)


class Origins:
    """Where the images come from.

    Parameters
    ----------
    stacks, counts
        The stacks of generated images, and how many each has.
    rows
        What is known of the held-out images.
    """

    def __init__(self, stacks: list[Path], counts: list[int], rows: list[dict[str, str]]) -> None:
        self.generated = [
            (stack, page)
            for stack, count in zip(stacks, counts, strict=True)
            for page in image_pages(stack, count)
        ]
        self.rows = rows

    def of(self, image: Shown) -> dict[str, Any]:
        """Return where an image comes from, as the key has it."""
        if image.generated:
            stack, page = self.generated[image.origin]
            return {"stack": str(stack), "page": page}
        row = self.rows[image.origin]
        return {"subject": row["subject"], "slice": int(row["slice"])}


def make_key(chosen: list[Shown], digest: str, seed: int, origins: Origins) -> Key:
    """Return the key of a page."""
    return Key(
        format="synaxial turing key 1",
        page=digest,
        seed=seed,
        images=[
            KeyImage(
                image=image.identifier,
                truth="generated" if image.generated else "real",
                repeat_of=None if image.repeat_of is None else chosen[image.repeat_of].identifier,
                origin=origins.of(image),
            )
            for image in chosen
        ],
    )
