"""Source `kaggle`: a data set on Kaggle, downloaded by kagglehub.

It needs the extra `kaggle`. kagglehub keeps the files in its own cache and reads the token of the
user; the fetched folder holds a small file with the path of the cache, and no copy.
"""

import importlib
import logging
from functools import cached_property
from pathlib import Path

from synaxial.config.model import Acquire, Directory
from synaxial.data.sources.directory import DirectorySource
from synaxial.data.sources.source import FileSource, Found
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

logger = logging.getLogger(__name__)

#: The file with the path of the data set in the cache of kagglehub.
REMEMBERED = "kaggle.json"


class KaggleSource(FileSource):
    """The subjects of the data set `acquire.kaggle.dataset`.

    Parameters
    ----------
    settings
        The section `acquire`.
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

    @cached_property
    def found(self) -> dict[str, Found]:
        """The files of the wanted subjects in the cache."""
        wanted = self._settings.kaggle.dataset
        if not self._remembered.is_file():
            raise SynaxialError(
                self._where,
                "has not been fetched",
                str(self._remembered),
                "run synaxial data fetch",
            )
        content = read_json(self._remembered)
        if content["dataset"] != wanted:
            raise SynaxialError(
                self._remembered,
                f"was fetched for {content['dataset']!r}",
                f"{wanted!r}",
                "run synaxial data fetch again",
            )
        path = Path(content["path"])
        if not path.is_dir():
            raise SynaxialError(
                path,
                "is not there any more",
                f"the files of the {self._where}, as kagglehub had downloaded them",
                "download them again: snakemake … --forcerun fetch",
            )
        directory = Directory(path=path, layout=self._settings.kaggle.layout)
        return DirectorySource(self._settings.model_copy(update={"directory": directory})).found

    def origin(self, path: Path) -> str:
        """Return the data set and the file."""
        return f"{self._where}: {path}"
