"""Source `directory`: a copy of a data set on this machine. It is never written to."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from synaxial.config.model import Acquire
from synaxial.data.sources.layouts import (
    LARGEST_DESCRIPTION,
    choose_layout,
    find_volumes,
    is_noise,
    layout_of_pattern,
)
from synaxial.data.sources.source import FileSource, Found, below, find_subjects
from synaxial.io.errors import SynaxialError


class DirectorySource(FileSource):
    """The subjects below the folder `acquire.directory.path`.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        Not used.
    """

    def __init__(self, settings: Acquire, fetched: Path | None = None) -> None:
        if settings.directory.path is None:
            raise SynaxialError("acquire.directory.path", "is not set", "a folder")
        self._settings = settings
        self._root = settings.directory.path.expanduser()

    @cached_property
    def found(self) -> dict[str, Found]:
        """The files of the wanted subjects."""
        where = str(self._root)
        directory = self._settings.directory
        paths = sorted(walk(self._root))
        if directory.pattern is not None:
            layout = layout_of_pattern(directory.pattern, directory.segmentation_pattern)
            what = f"the pattern {directory.pattern}"
        else:
            name, layout = choose_layout(directory.layout, paths, where, self._read)
            what = f"the layout {name}"
        if not find_volumes(paths, layout):
            raise SynaxialError(
                where,
                f"none of its {len(paths)} files is a FLAIR volume of {what}",
                "at least one",
                "see acquire.directory",
            )
        return below(self._root, find_subjects(paths, layout, self._settings, where))

    def _read(self, path: str) -> bytes:
        with (self._root / path).open("rb") as file:
            return file.read(LARGEST_DESCRIPTION)


def walk(root: Path) -> Iterator[str]:
    """Yield the paths of the files below a folder, relative to it and with `/`.

    Links are followed, because copies on a cluster often consist of them. No folder is entered
    twice, so a circle of links ends. Hidden files and folders are left out.

    Raises
    ------
    SynaxialError
        There is no such folder, a folder cannot be read, or a link leads nowhere: its subjects
        would be missing without a word.
    """
    if not root.is_dir():
        found = "is a file" if root.exists() else "is not there"
        raise SynaxialError(root, found, "a folder", "see acquire.directory.path")
    entered: set[tuple[int, int]] = set()
    for folder, inner, names in os.walk(root, onerror=_refuse_folder, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in entered:
            inner.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        inner[:] = sorted(name for name in inner if not is_noise(name))
        for name in names:
            if not is_noise(name):
                path = Path(folder) / name
                if path.is_symlink() and not os.path.exists(path):  # noqa: PTH110 - never raises
                    raise SynaxialError(
                        path,
                        f"is a link to {path.readlink()}, which is not there or cannot be read",
                        "a file or a folder",
                        "repair the link or remove it",
                    )
                yield path.relative_to(root).as_posix()


def _refuse_folder(error: OSError) -> None:
    raise SynaxialError(
        error.filename,
        f"cannot be read ({error.strerror})",
        "a folder that you may read, because its subjects would be missing",
        "change its permissions",
    ) from error
