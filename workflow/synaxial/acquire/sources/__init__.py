"""The sources of volumes, by the name that `acquire.source` has in the configuration."""

import importlib
from pathlib import Path

from synaxial.acquire.source import Source
from synaxial.configuration.model import Acquire

#: The class of each source, in the module of the source's name. It is made from the settings;
#: to add a source, write its module, name it here and in `configuration/model.py`.
MAKERS = {
    "phantom": "PhantomSource",
    "directory": "DirectorySource",
    "archive": "ArchiveSource",
    "kaggle": "KaggleSource",
}

#: Those that are also given the folder that `fetch` brings files into.
FETCHED = {"archive", "kaggle"}


def open_source(settings: Acquire, fetched: Path) -> Source:
    """Return the source that a study has chosen; only its module is imported.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        The folder that `synaxial fetch` has written, or will write; not used by every source.
    """
    module = importlib.import_module(f"{__name__}.{settings.source}")
    make = getattr(module, MAKERS[settings.source])
    source: Source = make(settings, fetched) if settings.source in FETCHED else make(settings)
    return source
