"""Progress lines, curves and the timeline of previews."""

import numpy as np
import pytest
from PIL import Image

from synaxial.train.curves import PANELS, draw_curves, write_curves
from synaxial.train.log import COLUMNS
from synaxial.train.previews import draw_timeline, find_previews, split_sheet
from synaxial.train.progress import as_duration, describe

LOG = (
    ",".join(COLUMNS) + "\n" + "".join(f"{i},{i * 5},1,2,3,4,5,6,0.5,0.4,,7,8\n" for i in (1, 2, 3))
)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")]
)
def test_durations_are_readable(seconds, text):
    assert as_duration(seconds) == text


def test_a_progress_line_has_bar_pace_and_time_left():
    line = describe(done=25, of=100, epochs=2.5, pace=0.5, batch_size=8)
    assert "[######..................]  25%" in line
    assert "iteration 25 of 100, epoch 2.5, 4 images/s, 2:30 left" in line


def test_curves_show_all_of_the_log(tmp_path):
    figure = draw_curves(LOG, "title")
    drawn = {line.get_label(): line.get_ydata() for a in figure.axes for line in a.get_lines()}
    assert set(drawn) == {legend for *_, lines in PANELS for legend in lines}
    np.testing.assert_array_equal(drawn["real images"], [3, 3, 3])
    for name in ("a.png", "b.png"):
        write_curves(LOG, "title", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


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
