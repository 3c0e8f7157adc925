"""`synaxial study turing score`: numbers by hand, what is not there, and mistakes in its files."""

import json

import pytest

from synaxial.io.errors import SynaxialError
from synaxial.studies.turing.files import read_answers, read_key, read_readers

from .pages import answer_all, write

KEY = {
    "format": "synaxial turing key 1",
    "page": "ab" * 32,
    "seed": 1,
    "images": [
        {
            "image": f"{number:08x}",
            "truth": "generated" if number % 2 else "real",
            "repeat_of": None,
            "origin": {"subject": "x", "slice": number},
        }
        for number in range(20)
    ],
}
KEY["images"] += [
    {**KEY["images"][number], "image": f"{100 + number:08x}", "repeat_of": f"{number:08x}"}
    for number in (0, 1, 2, 3)
]


@pytest.fixture
def files(tmp_path):
    return {
        "--key": write(tmp_path / "key.json", KEY),
        "--output": tmp_path / "result.json",
        "--page": tmp_path / "result.html",
    }


def words(files, *answers):
    options = [str(word) for pair in files.items() for word in pair]
    return ["study", "turing", "score", *answers, *options]


def answers_of(name, calls, confidence=3):
    """Return answers by a text of calls: r real, g generated, in the order of the key."""
    content = answer_all(KEY, name)
    kinds = {"r": "real", "g": "generated"}
    content["answers"] = [
        {**answer, "answer": kinds[call], "confidence": confidence}
        for answer, call in zip(content["answers"], calls, strict=False)
    ]
    return content


def test_numbers_by_hand(files, run_here, tmp_path):
    """10 real, 10 generated: all but two real ones right; of four repeats one changed."""
    first = write(tmp_path / "a.json", answers_of("Ada", "gggg" + "rg" * 8 + "ggrr"))
    second = write(tmp_path / "b.json", answers_of("Bob <b>", "gr" * 5 + "rg" * 5))
    run_here(words(files, first, second))
    found = json.loads(files["--output"].read_text())
    assert found["images"] == {"generated": 10, "real": 10, "shown_twice": 4}
    ada, bob = found["readers"]
    assert (ada["judged"], ada["right"], ada["answered"]) == (20, 18, 24)
    assert ada["accuracy"]["value"] == pytest.approx(0.9)
    assert (ada["sensitivity"]["value"], ada["specificity"]["value"]) == (1.0, 0.8)
    assert ada["balanced_accuracy"]["value"] == pytest.approx(0.9)
    # All of one confidence: the curve has one point, and its area is the balanced accuracy.
    assert ada["auc"]["value"] == pytest.approx(0.9)
    assert ada["says_generated"] == 0.6
    # First g, g, g, g and then g, g, r, r.
    assert ada["repeats"] == {"pairs": 4, "same": 0.5, "kappa": pytest.approx(0)}
    assert (bob["answered"], bob["judged"], bob["right"]) == (20, 20, 10)
    assert bob["repeats"] == {"pairs": 0, "same": None, "kappa": None}
    pooled = found["all_readers"]
    assert pooled["accuracy"]["value"] == pytest.approx(28 / 40)
    assert pooled["auc"]["value"] == pytest.approx((0.9 + bob["auc"]["value"]) / 2)
    low, high = pooled["accuracy"]["these_readers"]
    wide_low, wide_high = pooled["accuracy"]["readers_like_these"]
    assert wide_low <= low < 0.7 < high <= wide_high
    # Agreement: 4 + ... counted by hand: 12 of 20 images alike, 22 of 40 answers "generated".
    chance = (22 / 40) ** 2 + (18 / 40) ** 2
    alike = sum(a == b for a, b in zip("gggg" + "rg" * 8, "gr" * 5 + "rg" * 5, strict=True)) / 20
    assert found["agreement"]["fleiss_kappa"] == pytest.approx((alike - chance) / (1 - chance))
    assert found["agreement"]["images_of_all"] == 20
    # Each answer has one reason, "blur", counted once an image: repeats do not count.
    blur = {
        t: {s: found["reasons"][t][s]["blur"] for s in ("real", "generated")}
        for t in found["reasons"]
    }
    assert sum(blur["real"].values()) == sum(blur["generated"].values()) == 20
    assert blur["generated"]["generated"] == 10 + 5
    page = files["--page"].read_text()
    assert "Bob &lt;b&gt;" in page
    assert "Bob <b>" not in page
    assert "0.900" in page


def test_a_perfect_reader_and_the_same_reading_twice(files, run_here, tmp_path):
    answers = write(tmp_path / "a.json", answers_of("Ada", "rg" * 10 + "rgrg"))
    run_here(words(files, answers))
    found = json.loads(files["--output"].read_text())
    assert found["readers"][0]["accuracy"]["value"] == 1
    assert found["readers"][0]["repeats"]["kappa"] == 1
    assert found["all_readers"] is None
    assert found["agreement"]["fleiss_kappa"] is None
    before = files["--output"].read_bytes(), files["--page"].read_bytes()
    run_here(words(files, answers))
    assert (files["--output"].read_bytes(), files["--page"].read_bytes()) == before


def test_incomplete_answers_are_scored_and_reported(files, run_here, tmp_path, caplog):
    answers = write(tmp_path / "a.json", answers_of("Ada", "r"))
    run_here(words(files, answers))
    assert "reader Ada: 23 images are not answered" in caplog.text
    reader = json.loads(files["--output"].read_text())["readers"][0]
    assert (reader["answered"], reader["shown"], reader["judged"]) == (1, 24, 1)
    assert reader["sensitivity"]["value"] is None
    assert reader["auc"] == {"value": None, "low": None, "high": None}
    assert reader["detectable_accuracy"] is None
    assert "1 of 24" in files["--page"].read_text()


def test_the_margin_can_be_chosen(files, run_here, tmp_path):
    answers = write(tmp_path / "a.json", answers_of("Ada", "rg" * 5 + "gr" * 5))
    found = []
    for margin in (0.1, 0.4):
        run_here([*words(files, answers), "--margin", margin])
        found.append(json.loads(files["--output"].read_text()))
    assert [one["margin"] for one in found] == [0.1, 0.4]
    first, second = (one["readers"][0]["equivalence_p"] for one in found)
    assert second < 0.05 < first


def broken(**changes):
    return {**answers_of("Ada", "rg" * 12), **changes}


def with_answer(**changes):
    content = answers_of("Ada", "rg" * 12)
    content["answers"][3] |= changes
    return content


MISTAKES = {
    "another page": (broken(page="cd" * 32), "answers another page (cdcdcdcdcdcd)"),
    "another format": (broken(format="synaxial turing answers 2"), "format:"),
    "no reader": (broken(reader=None), "reader:"),
    "a nameless reader": (broken(reader={"name": "", "years": 1}), "reader.name:"),
    "years as text": (broken(reader={"name": "Ada", "years": "1"}), "reader.years:"),
    "too many years": (broken(reader={"name": "Ada", "years": 1e9}), "reader.years:"),
    "no answers": (broken(answers=[]), "answers:"),
    "more keys": (broken(truth=[1]), "truth:"),
    "unknown image": (with_answer(image="ffffffff"), "answers an image ffffffff"),
    "repeats alone": (
        broken(answers=answers_of("Ada", "rg" * 12)["answers"][-4:]),
        "answers only images that are shown for the second time",
    ),
    "no image": (with_answer(image="../../x"), "answers.3.image:"),
    "the same image": (with_answer(image="00000000"), "image 00000000 is answered twice"),
    "another word": (with_answer(answer="fake"), "answers.3.answer:"),
    "confidence 6": (with_answer(confidence=6), "answers.3.confidence:"),
    "confidence true": (with_answer(confidence=True), "answers.3.confidence:"),
    "another reason": (with_answer(reasons=["hunch"]), "answers.3.reasons.0:"),
    "time below 0": (with_answer(seconds=-1), "answers.3.seconds:"),
    "time is NaN": (with_answer(seconds=float("nan")), "answers.3.seconds:"),
    "a list": ([1], "holds a list"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_answers_is_one_line(tmp_path, name):
    content, expected = MISTAKES[name]
    key = read_key(write(tmp_path / "key.json", KEY))
    path = write(tmp_path / "a.json", content)
    with pytest.raises(SynaxialError) as caught:
        read_answers(path, key)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"page": "\\ud800"}', "\x00"])
def test_damaged_answers_are_one_line(tmp_path, text):
    key = read_key(write(tmp_path / "key.json", KEY))
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SynaxialError, match=r"a\.json"):
        read_answers(path, key)


def without_first(key):
    return {**key, "images": key["images"][1:]}


def other_truth(key):
    images = [dict(image) for image in key["images"]]
    images[0]["truth"] = "generated"
    return {**key, "images": images}


def twice(key):
    return {**key, "images": [*key["images"], key["images"][0]]}


@pytest.mark.parametrize(
    "spoil", [without_first, other_truth, twice, lambda key: answers_of("A", "r")]
)
def test_a_spoilt_key_is_one_line(tmp_path, spoil):
    path = write(tmp_path / "key.json", spoil(KEY))
    with pytest.raises(
        SynaxialError, match=r"the key that `synaxial study turing build` wrote"
    ) as caught:
        read_key(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reader_cannot_answer_twice(files, tmp_path):
    key = read_key(files["--key"])
    paths = [
        write(tmp_path / f"{number}.json", answers_of(name, said * 12))
        for number, (name, said) in enumerate({"Ada": "rg", "Bob": "gr", " ada ": "rr"}.items())
    ]
    assert len(read_readers(paths[:2], key)) == 2
    with pytest.raises(SynaxialError, match=r"2\.json: has the reader ' ada ', as .*0\.json has"):
        read_readers(paths, key)
    copy = write(tmp_path / "copy.json", answers_of("Eve", "gr" * 12))
    with pytest.raises(SynaxialError, match=r"copy\.json: has the same answers .*1\.json"):
        read_readers([*paths[:2], copy], key)


def test_a_missing_file_is_one_line(files, run_here, tmp_path):
    with pytest.raises(SynaxialError, match=r"nothing\.json: cannot be read"):
        run_here(words(files, tmp_path / "nothing.json"))
