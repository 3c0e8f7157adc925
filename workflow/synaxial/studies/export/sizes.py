"""The size of the images in a folder of results, from the files that a run leaves there."""

from pathlib import Path

from synaxial.config import Study, make_study, pixel_millimetres, read_keys, read_study
from synaxial.io.errors import SynaxialError

#: The whole study, and what the volumes were prepared with.
SOURCES = ("configuration.yaml", "settings/prepare.yaml")


def size_of(place: Path, config: Path | None) -> tuple[int, float]:
    """Return the width of a study's images in pixels, and the side of a pixel in mm.

    `place` is a folder of results, or anything in one. `config` is the study for images that are in
    no folder of results.

    Raises
    ------
    SynaxialError
        No file tells the size, or two files tell different ones.
    """
    folders = [place.absolute(), *place.absolute().parents]
    found = ([file for name in SOURCES if _is_of_run(file := folder / name)] for folder in folders)
    files = [*([config] if config else []), *next(filter(None, found), [])]
    if not files:
        raise SynaxialError(
            place,
            "the size of a pixel is not known, because it is in no folder of results",
            "the study of these images",
            "name its configuration.yaml by --config",
        )
    sizes = {file: _size_in(read_study(file) if file == config else _part(file)) for file in files}
    if len(set(sizes.values())) > 1:
        said = [f"{file} says {width} of {mm:g} mm" for file, (width, mm) in sizes.items()]
        raise SynaxialError(
            place,
            f"it is not clear how many pixels of which size its images have: {', '.join(said)}",
            "one size",
            "leave out --config, or let the run finish" if config else "let the run finish",
        )
    return sizes[files[0]]


def _size_in(study: Study) -> tuple[int, float]:
    return study.resize.size, pixel_millimetres(study)


def _is_of_run(file: Path) -> bool:
    """Tell whether this is a file that a run leaves, and not another program's of that name."""
    try:
        content = read_keys(file) if file.is_file() else {}
    except SynaxialError:
        return False
    acquire = content.get("acquire")
    return isinstance(acquire, dict) and "volume" in acquire and "resize" in content


def _part(file: Path) -> Study:
    """Return the study with the sizes that a run's file tells, and else defaults."""
    content = read_keys(file)
    # The other keys do not matter here, and another version may have others.
    keys = {"acquire": {"volume": content["acquire"]["volume"]}, "resize": content["resize"]}
    return make_study(keys, str(file))
