"""Progress lines, curves and the timeline of previews."""

import numpy as np
import pytest
from PIL import Image

from synaxial.gan.train.curves import PANELS, draw_curves, write_curves
from synaxial.gan.train.log import COLUMNS, UPSAMPLER_COLUMNS, as_duration, describe
from synaxial.gan.train.previews import PAIRS, draw_timeline, find_previews, split_sheet
from synaxial.io.sheets import PAPER


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")]
)
def test_durations_are_readable(seconds, text):
    assert as_duration(seconds) == text


def test_a_progress_line_has_bar_speed_and_time_left():
    line = describe(done=25, of=100, epochs=2.5, speed=0.5, batch_size=8)
    assert "[######..................]  25%" in line
    assert "iteration 25 of 100, epoch 2.5, 4 images/s, 2:30 left" in line


def log_of(**values):
    """A log of three epochs in which every column has a number of its own, but for these."""
    numbers = {name: at for at, name in enumerate(COLUMNS)} | values
    rows = [",".join(map(str, (numbers | {"epoch": epoch}).values())) for epoch in (1, 2, 3)]
    return "\n".join([",".join(COLUMNS), *rows, ""])


def drawn_of(log):
    """Each line that is drawn of a log, by its panel and legend."""
    return {
        (axes.get_title(), line.get_label()): line.get_ydata()
        for axes in draw_curves(log, "title").axes
        for line in axes.get_lines()
    }


def test_curves_show_all_of_the_log(tmp_path):
    drawn = drawn_of(log_of(score_real=3))
    lines = {(title, legend): column for title, _, of in PANELS for legend, column in of.items()}
    assert set(drawn) == {line for line, column in lines.items() if column in COLUMNS}
    assert set(lines.values()) <= {*COLUMNS, *UPSAMPLER_COLUMNS}
    np.testing.assert_array_equal(drawn[PANELS[1][0], "real images"], [3, 3, 3])
    for name in ("a.png", "b.png"):
        write_curves(log_of(), "title", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_what_a_training_does_not_do_has_no_curve(tmp_path):
    log = log_of(distance_held_out="", penalty=0, augmentation=0)
    assert set(drawn_of(log_of())) - set(drawn_of(log)) == {
        ("Distance to held-out subjects", "generated images"),
        ("Penalty on the discriminator's slope, weighted", "penalty"),
        ("Overfitting: +1 if all real images' scores are positive", "augmentation"),
    }
    assert len(draw_curves(log, "title").axes) == len(draw_curves(log_of(), "title").axes) - 2
    # What every training has is drawn though it be 0 or missing.
    assert set(drawn_of(log_of(loss_generator=0, similarity_real=""))) == set(drawn_of(log_of()))


def test_the_timeline_has_latents_across_and_epochs_down(tmp_path):
    for epoch in range(0, 50, 5):
        sheet = np.repeat(np.arange(16, dtype=np.uint8).reshape(4, 4), 8, axis=0) * 10
        sheet = np.repeat(sheet, 8, axis=1) + np.uint8(epoch)
        Image.fromarray(sheet).save(tmp_path / f"epoch_{epoch:04d}.png")
    (tmp_path / "epoch_x.png").write_bytes(b"")
    previews = find_previews(tmp_path, 40)
    assert list(previews) == list(range(0, 45, 5))
    images = split_sheet(previews[5])
    assert images.shape == (16, 8, 8)
    np.testing.assert_array_equal(images[:, 0, 0], np.arange(16) * 10 + 5)
    timeline = np.asarray(draw_timeline(previews))
    # The last epoch's eighth latent ends the sheet.
    assert (timeline[-1, -1] == 70 + 40).all()
    # That of an up-sampler says which of its images are of real people.
    named = np.asarray(draw_timeline(previews, PAIRS))
    header = len(named) - len(timeline)
    np.testing.assert_array_equal(named[header:], timeline)
    assert (named[:header] > PAPER).any()
