"""`synaxial study turing build`: only the pixels of the page reveal what an image is."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from synaxial.cli import make_app
from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import write_stack
from synaxial.studies.turing.build import as_png, make_reader_page
from synaxial.studies.turing.files import read_key

from ...pairs import add_masks
from .pages import SIZE, real_and_generated, words_of, write_dataset, write_sources


@pytest.fixture
def options(tmp_path):
    return {
        **write_sources(tmp_path),
        "--page": tmp_path / "page.html",
        "--key": tmp_path / "key.json",
        "--images": 30,
    }


def build(run_here, options):
    run_here(["study", "turing", "build", *words_of(options)])
    page = options["--page"].read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script id="data".*?>(.*?)</script>', page)[1])
    return page, data, read_key(options["--key"])


def chunks_of(png):
    """Return a PNG's chunks, name and content."""
    found, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found.append((png[at + 4 : at + 8].decode(), png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def test_the_page_shows_the_pixels_that_the_key_names(options, run_here):
    _, data, key = build(run_here, options)
    held_out, stacks = real_and_generated()
    assert [image["image"] for image in data["images"]] == [image.image for image in key.images]
    assert data["page"] == key.page
    for shown, image in zip(data["images"], key.images, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["png"]))))
        if image.truth == "real":
            subject, level = image.origin["subject"], image.origin["slice"]
            expected = held_out[int(subject[-3:]) * 8 + level - 60]
        else:
            stack = options["STACKS"].index(type(options["--key"])(image.origin["stack"]))
            expected = stacks[stack, image.origin["page"], :, :, 0]
        np.testing.assert_array_equal(pixels, expected)


def test_nothing_but_pixels_differs_between_real_and_generated(options, run_here):
    _, data, key = build(run_here, options)
    truth = {image.image: image.truth for image in key.images}
    seen = {"real": set(), "generated": set()}
    for image in data["images"]:
        assert set(image) == {"image", "png"}
        png = base64.b64decode(image["png"])
        headers = [(name, content) for name, content in chunks_of(png) if name != "IDAT"]
        lengths = [(name, len(content)) for name, content in chunks_of(png)]
        # Of the pixels' chunk, the head of the stream and that of its first, stored, block.
        pixels = next(content for name, content in chunks_of(png) if name == "IDAT")
        seen[truth[image["image"]]].add((str(headers), str(lengths), pixels[:7]))
    assert seen["real"] == seen["generated"]
    assert len(seen["real"]) == 1


def test_all_pngs_have_the_same_length():
    generator = np.random.default_rng(0)
    flat, noise = np.zeros((256, 256), np.uint8), generator.integers(0, 256, (256, 256), np.uint8)
    assert len(as_png(flat)) == len(as_png(noise))
    assert [name for name, _ in chunks_of(as_png(flat))] == [
        name for name, _ in chunks_of(as_png(noise))
    ]


def test_the_truth_is_not_in_the_page(options, run_here):
    page, data, key = build(run_here, options)
    assert set(data) == {"page", "size", "scale", "images"}
    own = page.replace(json.dumps(data), "")
    own = re.sub("<style>.*?</style>", "", own, flags=re.DOTALL)
    for secret in ("secret", "subject", "stack", "repeat_of", "seed", "truth", "key.json"):
        assert secret not in own
    # How many there are of a kind is nowhere either; how many in all is.
    shown = re.sub("<script.*?</script>|<head>.*?</head>", "", own, flags=re.DOTALL)
    numbers = set(re.findall(r"\b\d+\b", shown))
    generated = [image.truth == "generated" for image in key.images if image.repeat_of is None]
    assert not numbers & {str(sum(generated)), str(len(generated) - sum(generated))}
    assert str(len(key.images)) in numbers


def test_the_page_does_not_depend_on_the_truth():
    """Swapping which images are called what changes nothing: the truth is no input of the page."""
    pixels = real_and_generated()[0][:4]
    names = [f"{number:08x}" for number in range(4)]
    assert make_reader_page(names, pixels) == make_reader_page(names, pixels.copy())
    other, digest = make_reader_page(names, pixels[::-1])
    assert digest != make_reader_page(names, pixels)[1]
    assert digest in other


def test_the_page_makes_no_network_request(options, run_here):
    page, data, _ = build(run_here, options)
    own = page.replace(json.dumps(data), "")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch\(|XMLHttp|sendBeacon|WebSocket", own)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    assert policy.startswith(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:;"
    )
    assert "unsafe" not in policy


def test_the_same_command_writes_the_same_and_a_seed_another(options, run_here):
    build(run_here, options)
    before = options["--page"].read_bytes(), options["--key"].read_bytes()
    move_away(options)
    build(run_here, options)
    assert (options["--page"].read_bytes(), options["--key"].read_bytes()) == before
    move_away(options)
    build(run_here, options | {"--seed": 99})
    assert options["--page"].read_bytes() != before[0]


def move_away(options):
    for name in ("--page", "--key"):
        options[name].unlink()


@pytest.mark.parametrize("left", ["--page", "--key"])
def test_a_page_and_its_key_are_not_written_over(options, run_here, left):
    build(run_here, options)
    before = {name: options[name].read_bytes() for name in ("--page", "--key")}
    (gone,) = before.keys() - {left}
    options[gone].unlink()
    with pytest.raises(SynaxialError, match=rf"{options[left].name}: exists already"):
        run_here(["study", "turing", "build", *words_of(options | {"--seed": 99})])
    assert options[left].read_bytes() == before[left]
    assert not options[gone].exists()


def test_the_study_sets_the_number_of_images(options, run_here, tmp_path):
    (tmp_path / "study.yaml").write_text("{turing: {images: 20, repeats: 0.2, seed: 5}}")
    del options["--images"]
    options["--config"] = tmp_path / "study.yaml"
    _, data, key = build(run_here, options)
    assert len(data["images"]) == 24
    assert key.seed == 5
    move_away(options)
    _, data, _ = build(run_here, options | {"--repeats": 0})
    assert len(data["images"]) == 20


def other_size(options, folder):
    write_dataset(folder / "other", np.zeros((40, 8, 8), np.uint8), "x")
    return {"--held-out": folder / "other"}, rf"{folder / 'other'}: its images have the shape"


def seen_in_training(options, folder):
    write_dataset(folder / "training", real_and_generated()[0], "secret_subject")
    return {"--training": folder / "training"}, "shares 5 people with"


def too_many(options, folder):
    return {"--images": 80}, "there are 40 generated images, expected 48 or more"


def one_file(options, folder):
    return {"--key": options["--page"]}, "is .*, as is --page; expected another file"


def twice(options, folder):
    return {"STACKS": options["STACKS"] + options["STACKS"][:1]}, "is given twice"


def of_subjects(options, folder):
    path = folder / "subject.tif"
    write_stack(path, np.zeros((20, 16, 16, 3), np.uint8), [{"subject": "x"}] * 20)
    return {"STACKS": [*options["STACKS"], path]}, "has images that were not generated"


@pytest.mark.parametrize(
    "spoil", [other_size, seen_in_training, too_many, one_file, twice, of_subjects]
)
def test_a_mistake_is_one_line_and_nothing_is_written(options, run_here, tmp_path, spoil):
    changes, expected = spoil(options, tmp_path)
    with pytest.raises(SynaxialError, match=expected):
        run_here(["study", "turing", "build", *words_of(options | changes)])
    assert not options["--page"].exists()
    assert not options["--key"].exists()


def test_different_people_in_the_training_are_accepted(options, run_here, tmp_path):
    write_dataset(tmp_path / "training", real_and_generated()[0], "another")
    build(run_here, options | {"--training": tmp_path / "training"})


def test_a_missing_folder_is_one_line(options, run_here, tmp_path):
    with pytest.raises(SynaxialError, match="nowhere") as caught:
        run_here(
            ["study", "turing", "build", *words_of(options | {"--held-out": tmp_path / "nowhere"})]
        )
    assert "\n" not in str(caught.value)


def test_help_says_what_the_default_can_show():
    done = CliRunner().invoke(
        make_app("study turing build"), ["study", "turing", "build", "--help"]
    )
    assert "60 %" in done.output
    assert "230" in done.output


def test_the_image_has_the_largest_whole_factor():
    for size, scale in ((16, 32), (64, 8), (100, 5), (256, 2), (600, 1)):
        page, _ = make_reader_page(["00000000"], np.zeros((1, size, size), np.uint8))
        assert f'"size": {size}, "scale": {scale},' in page
    assert SIZE * 32 == 512


def test_masks_are_not_shown_and_the_key_names_the_images_pages(options, run_here):
    before = build(run_here, options)
    move_away(options)
    for path in options["STACKS"]:
        add_masks(path)
    page, _, key = build(run_here, options)
    assert page == before[0]
    for image, other in zip(key.images, before[2].images, strict=True):
        assert image.truth == other.truth
        if image.truth == "generated":
            assert image.origin == {**other.origin, "page": 2 * other.origin["page"]}
