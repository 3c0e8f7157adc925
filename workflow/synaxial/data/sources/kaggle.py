"""Source `kaggle`: a data set on Kaggle, downloaded by kagglehub.

It needs the extra `kaggle`. kagglehub keeps the files in its own cache and reads the token of the
user; the fetched folder holds a small file with the path of the cache, and no copy.
"""

import dataclasses
import importlib
import logging
from functools import cached_property
from pathlib import Path

from synaxial.config.model import Acquire, Directory
from synaxial.data.sources.directory import DirectorySource
from synaxial.data.sources.source import RawVolume
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

logger = logging.getLogger(__name__)

#: The file with the path of the data set in the cache of kagglehub.
REMEMBERED = "kaggle.json"


class KaggleSource:
    """The subjects of a data set on Kaggle.

    Parameters
    ----------
    settings
        The section `acquire`; its parts `kaggle` and `volume` are used.
    fetched
        The folder for the file `REMEMBERED`.
    """

    must_be_fetched = True

    def __init__(self, settings: Acquire, fetched: Path) -> None:
        self._settings = settings
        self._where = f"kaggle data set {settings.kaggle.dataset}"
        self._remembered = fetched / REMEMBERED

    def fetch(self) -> None:
        """Download the data set to the cache of kagglehub, unless it is there."""
        self._remembered.unlink(missing_ok=True)
        try:
            kagglehub = importlib.import_module("kagglehub")
        except ImportError as error:
            raise SynaxialError(
                self._where,
                f"kagglehub cannot be imported ({error})",
                "the extra kaggle",
                'install it with: pip install "synaxial[kaggle]"',
            ) from error
        dataset = self._settings.kaggle.dataset
        logger.info("download of %s by kagglehub", self._where)
        try:
            path = kagglehub.dataset_download(dataset)
        # What kagglehub, its HTTP client and its unpacker raise has no common class.
        except Exception as error:
            raise SynaxialError(
                self._where,
                f"cannot be downloaded ({type(error).__name__}: {error})",
                "a data set that your Kaggle token may read",
                "see acquire.kaggle.dataset; make a token on the settings page of your Kaggle "
                "account and put it into KAGGLE_API_TOKEN or ~/.kaggle/access_token",
            ) from error
        write_json(self._remembered, {"dataset": dataset, "path": str(Path(path).absolute())})

    def subjects(self) -> list[str]:
        """Return the wanted subjects, in natural order."""
        return self._files.subjects()

    def files(self, subject: str) -> list[Path]:
        """Return the FLAIR file of a subject and, if there is one, its segmentation."""
        return self._files.files(subject)

    def read(self, subject: str) -> RawVolume:
        """Open the files of a subject."""
        raw = self._files.read(subject)
        return dataclasses.replace(raw, origin=f"{self._where}: {raw.origin}")

    @cached_property
    def _files(self) -> DirectorySource:
        """The folder in the cache as a source."""
        wanted = self._settings.kaggle.dataset
        if not self._remembered.is_file():
            raise SynaxialError(
                self._where, "is not fetched", str(self._remembered), "run synaxial data fetch"
            )
        content = read_json(self._remembered)
        if content["dataset"] != wanted:
            raise SynaxialError(
                self._remembered,
                f"was fetched for {content['dataset']!r}",
                f"{wanted!r}",
                "run synaxial data fetch again",
            )
        directory = Directory(path=Path(content["path"]), layout=self._settings.kaggle.layout)
        return DirectorySource(self._settings.model_copy(update={"directory": directory}))
