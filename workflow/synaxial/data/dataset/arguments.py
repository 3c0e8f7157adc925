"""Sorting the files on pack's command line."""

from collections.abc import Iterable
from pathlib import Path

from synaxial.io.errors import SynaxialError


def sort_files(
    images: list[Path], records: list[Path], others: Iterable[Path]
) -> tuple[list[Path], list[Path]]:
    """Return all stacks and all records in the order of the command line.

    An option takes one value, so of `--images a.tif b.tif --records a.json b.json` the second
    and further files of each come as `others`, in order. Their suffix says which they are.

    Raises
    ------
    SynaxialError
        A file is neither, an option is both repeated and followed by several files (the order
        would be lost), or there are not as many records as stacks.
    """
    sorted_others: dict[str, list[Path]] = {".tif": [], ".json": []}
    for path in others:
        if path.suffix not in sorted_others:
            raise SynaxialError(path, "is neither a stack (.tif) nor a record (.json)")
        sorted_others[path.suffix].append(path)
    for option, given, suffix in (("images", images, ".tif"), ("records", records, ".json")):
        if len(given) > 1 and sorted_others[suffix]:
            raise SynaxialError(
                f"--{option}", "is given more than once, and once with several files", "one way"
            )
    all_images = images + sorted_others[".tif"]
    all_records = records + sorted_others[".json"]
    if len(all_images) != len(all_records):
        raise SynaxialError(
            "--records",
            f"{len(all_records)} records for {len(all_images)} stacks",
            "a record for each stack, in the same order",
        )
    return all_images, all_records
