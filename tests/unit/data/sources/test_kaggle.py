"""Kaggle cannot be reached from a test: kagglehub is replaced by a stand-in.

The stand-in has the function that the source uses, with the signature of kagglehub; what that does
over the network is not tested here.
"""

import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synaxial.config.model import Acquire
from synaxial.data.sources.kaggle import KaggleSource
from synaxial.io.errors import SynaxialError

from ..heads import SHAPE, make_brats2020

NAMES = [f"BraTS20_Training_{number:03d}" for number in (1, 2)]


def settings_of(**keys: Any) -> Acquire:
    return Acquire.model_validate(
        {"source": "kaggle", "subjects": "1-2", "volume": {"shape": SHAPE}, **keys}
    )


class StandIn:
    """kagglehub: a cache on this machine."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.failure: Exception | None = None
        self.asked: list[str] = []

    def dataset_download(self, handle: str) -> str:
        self.asked.append(handle)
        if self.failure is not None:
            raise self.failure
        return str(self.cache)


@pytest.fixture
def kagglehub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path / "cache" / "versions" / "1")
    folder = "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData"
    make_brats2020(stand_in.cache / folder)
    package = ModuleType("kagglehub")
    package.dataset_download = stand_in.dataset_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", package)
    return stand_in


def test_the_place_of_the_files_is_remembered(tmp_path: Path, kagglehub: StandIn) -> None:
    fetched = tmp_path / "source"
    source = KaggleSource(settings_of(), fetched)
    assert source.must_be_fetched
    with pytest.raises(SynaxialError, match=r"has not been fetched; .*run synaxial data fetch"):
        source.subjects()
    source.fetch()
    assert [path.name for path in fetched.iterdir()] == ["kaggle.json"]
    assert kagglehub.asked == ["awsaf49/brats20-dataset-training-validation"]
    again = KaggleSource(settings_of(), fetched)
    assert again.subjects() == NAMES
    assert all(path.is_relative_to(kagglehub.cache) for path in again.files(NAMES[0]))
    raw = again.read(NAMES[0])
    assert raw.origin.startswith("kaggle data set awsaf49/brats20-dataset-training-validation: ")
    assert raw.open_segmentation is not None


def test_another_data_set_than_fetched_is_refused(tmp_path: Path, kagglehub: StandIn) -> None:
    KaggleSource(settings_of(), tmp_path).fetch()
    other = settings_of(kaggle={"dataset": "somebody/else"})
    with pytest.raises(
        SynaxialError, match=r"fetched for 'awsaf49/.*run synaxial data fetch again"
    ):
        KaggleSource(other, tmp_path).subjects()
    assert len(kagglehub.asked) == 1


def test_an_emptied_cache_says_how_to_fill_it(tmp_path: Path, kagglehub: StandIn) -> None:
    KaggleSource(settings_of(), tmp_path).fetch()
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(SynaxialError) as caught:
        KaggleSource(settings_of(), tmp_path).subjects()
    assert str(caught.value) == (
        f"{kagglehub.cache}: is not there any more; expected the files of the kaggle data set "
        "awsaf49/brats20-dataset-training-validation, as kagglehub had downloaded them; "
        "download them again: snakemake … --forcerun fetch"
    )


def test_without_kagglehub_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(SynaxialError, match=r'kagglehub .*pip install "synaxial\[kaggle\]"'):
        KaggleSource(settings_of(), tmp_path).fetch()


def test_a_failed_download_says_how_to_set_a_token(tmp_path: Path, kagglehub: StandIn) -> None:
    kagglehub.failure = RuntimeError("403 for this data set\nsee above")
    with pytest.raises(SynaxialError) as caught:
        KaggleSource(settings_of(), tmp_path).fetch()
    message = str(caught.value)
    assert "cannot be downloaded (RuntimeError: 403 for this data set see above)" in message
    assert "KAGGLE_API_TOKEN" in message
    assert "\n" not in message
    assert not (tmp_path / "kaggle.json").exists()


def test_kagglehub_has_the_function_of_the_stand_in() -> None:
    real = pytest.importorskip("kagglehub", reason="the extra kaggle is not installed")
    assert callable(real.dataset_download)
