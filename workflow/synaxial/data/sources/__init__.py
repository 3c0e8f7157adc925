"""The sources of volumes, by the name that `acquire.source` has in the configuration."""

import importlib
from pathlib import Path

from synaxial.config.model import Acquire
from synaxial.data.sources.source import Source


def open_source(settings: Acquire, fetched: Path) -> Source:
    """Return the source that a study has chosen: `NameSource` of the module `name` in this folder.

    Only that module is imported. A new source needs its module here and its name in the model of
    the configuration.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        The folder for fetched files; some sources need none.
    """
    name = settings.source
    module = importlib.import_module(f"{__name__}.{name}")
    source: Source = getattr(module, f"{name.title()}Source")(settings, fetched)
    return source
