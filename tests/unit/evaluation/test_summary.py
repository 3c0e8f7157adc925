"""The first lines of the report: a sheet, what was run, and the verdict."""

import base64
import io
import json
import re

import numpy as np
from PIL import Image

from synaxial.config import as_yaml, make_study
from synaxial.evaluation.summary import WIDEST, picture_of

from .test_compare import write_evaluation


def summarise(run_here, folder, *evaluations):
    study = make_study({"experiments": {"a": {"epochs": 7, "seeds": [1, 4]}}})
    (folder / "study.yaml").write_text(as_yaml(study.model_dump(mode="json")))
    (folder / "dataset.json").write_text(json.dumps({"images": 48, "subjects": ["A", "B"]}))
    random = np.random.default_rng(3)
    pixels = random.integers(0, 256, (50, 2 * WIDEST), np.uint8)
    Image.fromarray(pixels).save(folder / "sheet.png")
    run_here(
        [
            *("evaluate", "summary", "--config", folder / "study.yaml"),
            *("--dataset", folder / "dataset.json", "--sheet", folder / "sheet.png"),
            *("--shown", "a, seed 1", "--output", folder / "summary.html", *evaluations),
        ]
    )
    return (folder / "summary.html").read_text()


def test_it_opens_with_the_sheet_and_what_was_run(run_here, tmp_path):
    text = summarise(run_here, tmp_path)
    picture = re.search(r'<img src="data:image/jpeg;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(picture[1]))) as image:
        assert image.size == (WIDEST, 25)
    for said in (
        "Generated images: a, seed 1.",
        "48 slices of 256 x 256 pixels from 2 subjects of the source phantom",
        "Trained: a (seed 1 and 4; 7 epochs).",
        "Generated: 3 x 100 images by each training.",
        "There is no verdict, because no subjects were held out.",
    ):
        assert said in text
    assert text.index("<img") < text.index("Trained:") < text.index("no verdict")


def test_a_long_sheet_is_shown_by_its_top(tmp_path, monkeypatch):
    # Pillow's limit for files of strangers: a sheet of 3,000 images is larger.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("L", (40, 4000)).save(tmp_path / "sheet.png")
    picture, is_whole = picture_of(tmp_path / "sheet.png")
    content = base64.b64decode(picture.partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as image:
        assert (image.size, is_whole) == ((40, 48), False)


def test_the_verdict_is_of_each_experiment(run_here, tmp_path):
    evaluations = [
        write_evaluation(tmp_path, "real", None, 0),
        write_evaluation(tmp_path, "final", 1, 30),
        write_evaluation(tmp_path, "relu", 1, 0),
    ]
    text = summarise(run_here, tmp_path, *evaluations)
    rows = re.findall(r"<tr><td><b>(\w+)</b></td>(.*?)</tr>", text)
    assert [name for name, _ in rows] == ["final", "relu"]
    assert "Varied?" in text
    assert "<b class='bad'>" in rows[0][1]
    assert "<b class='bad'>" not in rows[1][1]
