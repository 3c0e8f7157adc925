"""Source `directory`: a copy of a data set on this machine, which is only read."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from synaxial.config.model import Acquire
from synaxial.data.sources.layouts import (
    choose_layout,
    find_files,
    find_volumes,
    is_noise,
    layout_of_pattern,
)
from synaxial.data.sources.source import FileSource, FoundFiles
from synaxial.data.subjects import select_subjects
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
    def found(self) -> FoundFiles:
        """The files of the wanted subjects."""
        where = str(self._root)
        directory = self._settings.directory
        paths = sorted(walk(self._root))
        if directory.pattern is not None:
            layout = layout_of_pattern(directory.pattern, directory.segmentation_pattern)
            what = f"the pattern {directory.pattern}"
        else:
            name, layout = choose_layout(directory.layout, paths, where)
            what = f"the layout {name}"
        volumes = find_volumes(paths, layout)
        if not volumes:
            raise SynaxialError(
                where,
                f"none of its {len(paths)} files is a FLAIR volume of {what}",
                "at least one",
                "see acquire.directory",
            )
        wanted = select_subjects(self._settings.wanted, volumes, where)
        files = find_files(paths, layout, wanted, where)
        return FoundFiles(
            {subject: [self._root / path for path in files[subject]] for subject in wanted},
            layout,
        )


def walk(root: Path) -> Iterator[str]:
    """Yield the paths of the files below a folder, relative to it and with `/`.

    Links are followed, because copies on a cluster often consist of them. No folder is entered
    twice, so a circle of links ends. Hidden files and folders are left out.

    Raises
    ------
    SynaxialError
        There is no such folder.
    """
    if not root.is_dir():
        found = "is a file" if root.exists() else "is not there"
        raise SynaxialError(root, found, "a folder", "see acquire.directory.path")
    entered: set[tuple[int, int]] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in entered:
            below.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if not is_noise(name))
        for name in names:
            if not is_noise(name):
                yield (Path(folder) / name).relative_to(root).as_posix()
