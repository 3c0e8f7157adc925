"""Checkpoint files: whole, few, of the right model, and never trusted."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from synaxial.gan.train.checkpoint import (
    checkpoint_path,
    find_checkpoints,
    read_newest_checkpoint,
    save_checkpoint,
)
from synaxial.io.errors import SynaxialError

#: An end of the training after all of these checkpoints.
END = 1000


class Trainer:
    """What a checkpoint needs of Chainer's Trainer: one array of state."""

    def __init__(self, iteration):
        self.updater = SimpleNamespace(iteration=iteration)
        self.state = np.full(1000, iteration, np.float32)

    def serialize(self, serializer):
        serializer("state", self.state)


def save(folder, *iterations, kept=3):
    for iteration in iterations:
        save_checkpoint(Trainer(iteration), folder, "model", kept)


def test_the_newest_are_kept(tmp_path):
    save(tmp_path, 5, 10, 15, 20)
    names = [path.name for path in find_checkpoints(tmp_path)]
    assert names == [f"iteration_{i:09d}.npz" for i in (20, 15, 10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_the_newest_is_read(tmp_path):
    save(tmp_path, 9, 10)
    arrays = read_newest_checkpoint(tmp_path, "model", END)
    assert arrays.keys() == {"state"}
    assert (arrays["state"] == 10).all()


def test_without_any_there_is_none(tmp_path):
    assert read_newest_checkpoint(tmp_path / "nowhere", "model", END) is None


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda _: b"", lambda _: b"PK\x03\x04"])
def test_a_damaged_newest_is_skipped_with_a_warning(tmp_path, caplog, damage):
    save(tmp_path, 1, 2)
    newest = find_checkpoints(tmp_path)[0]
    newest.write_bytes(damage(newest.read_bytes()))
    with caplog.at_level(logging.WARNING):
        arrays = read_newest_checkpoint(tmp_path, "model", END)
    assert (arrays["state"] == 1).all()
    assert str(newest) in caplog.text
    # It does not take the place of a whole one when the old ones are deleted.
    save(tmp_path, 2, kept=1)
    assert find_checkpoints(tmp_path) == [newest]
    assert (read_newest_checkpoint(tmp_path, "model", END)["state"] == 2).all()


def test_a_checkpoint_that_cannot_be_read_does_not_start_a_training_afresh(tmp_path):
    save(tmp_path, 1)
    newest = checkpoint_path(tmp_path, 2)
    newest.symlink_to(newest.name)  # opening it fails: too many levels of symbolic links
    with pytest.raises(SynaxialError, match="cannot be read"):
        read_newest_checkpoint(tmp_path, "model", END)


def test_no_changed_byte_breaks_the_search_or_passes_for_whole(tmp_path):
    save(tmp_path, 1)
    whole = checkpoint_path(tmp_path, 1).read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(whole), 150):
        content = bytearray(whole)
        content[place] ^= 1 << random.integers(0, 8)
        checkpoint_path(tmp_path, 2).write_bytes(content)
        try:
            arrays = read_newest_checkpoint(tmp_path, "model", END)
        except SynaxialError:
            continue  # the changed byte was in the fingerprint or its name
        assert (arrays["state"] == 1).all()


def test_values_that_are_not_finite_are_not_saved(tmp_path):
    trainer = Trainer(3)
    trainer.state[5] = np.nan
    with pytest.raises(SynaxialError, match="iteration 3: state has NaN or infinite values"):
        save_checkpoint(trainer, tmp_path, "model", 3)
    assert not list(tmp_path.iterdir())


def test_a_pickle_is_not_opened(tmp_path, caplog):
    save(tmp_path, 1)
    np.savez(tmp_path / "iteration_000000002.npz", state=np.array([{}], dtype=object))
    assert (read_newest_checkpoint(tmp_path, "model", END)["state"] == 1).all()
    assert "skipping" in caplog.text


def test_another_models_checkpoint_is_refused(tmp_path):
    save(tmp_path, 1)
    with pytest.raises(SynaxialError, match="belongs to the model model; expected the model mine"):
        read_newest_checkpoint(tmp_path, "mine", END)


def test_a_failed_write_leaves_the_older_ones_and_no_rest(tmp_path, monkeypatch):
    save(tmp_path, 1, 2, 3)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, 4)
    assert len(list(tmp_path.iterdir())) == 3
    assert (read_newest_checkpoint(tmp_path, "model", END)["state"] == 3).all()
