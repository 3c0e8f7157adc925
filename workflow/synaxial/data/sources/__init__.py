"""The sources of volumes, by the name that `acquire.source` has in the configuration."""

from pathlib import Path

from synaxial.config.model import Acquire
from synaxial.data.sources.source import Source

# ruff: noqa: PLC0415 - a source is imported when it is chosen: kagglehub and the phantom's
# template are not everybody's. By name, so that a digest of the code follows the imports.


def open_source(settings: Acquire, fetched: Path) -> Source:
    """Return the source that a study has chosen; only its module is imported.

    To add one: write its module beside this file, name it here and in `configuration/model.py`.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        The folder that `synaxial data fetch` has written, or will write; not used by every source.
    """
    match settings.source:
        case "phantom":
            from synaxial.data.sources.phantom import PhantomSource

            return PhantomSource(settings)
        case "directory":
            from synaxial.data.sources.directory import DirectorySource

            return DirectorySource(settings)
        case "archive":
            from synaxial.data.sources.archive import ArchiveSource

            return ArchiveSource(settings, fetched)
        case "kaggle":
            from synaxial.data.sources.kaggle import KaggleSource

            return KaggleSource(settings, fetched)
