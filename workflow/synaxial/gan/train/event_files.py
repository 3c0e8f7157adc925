"""Event files for TensorBoard: the curves and previews of a training, while it runs."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tensorboardX import SummaryWriter

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.train.log import EpochLog
from synaxial.gan.train.previews import find_previews

#: The columns of the log that are no curves.
POSITION = ("epoch", "iteration")


class EventFiles(chainer.training.Extension):
    """Chainer extension that writes each row of the log, and each preview, as TensorBoard's events.

    The steps are epochs. A resumed training goes on in a new file of the same folder; TensorBoard
    forgets what the earlier files have of the epochs that are done again. `previews` is the folder
    of the previews.
    """

    trigger = (1, "iteration")
    # After the log and the previews have written theirs.
    priority = chainer.training.PRIORITY_READER

    def __init__(self, folder: Path, log: EpochLog, previews: Path) -> None:
        self.folder = folder
        self.log = log
        self.previews = previews
        self.writer: SummaryWriter | None = None

    def initialize(self, trainer: Any) -> None:
        """Begin a file; at the start of a training, with the preview of the untrained generator."""
        done = trainer.updater.epoch
        self.writer = SummaryWriter(str(self.folder), purge_step=done + 1)
        if trainer.updater.iteration == 0:
            self._add_preview(self.writer, 0)

    def __call__(self, trainer: Any) -> None:
        """Write the events of an epoch at its end."""
        if self.writer is None or not trainer.updater.is_new_epoch:
            return
        row = self.log.rows[-1]
        for name, value in row.items():
            if name not in POSITION and value is not None:
                self.writer.add_scalar(name, value, row["epoch"])
        self._add_preview(self.writer, row["epoch"])
        self.writer.flush()

    def finalize(self) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()

    def _add_preview(self, writer: SummaryWriter, epoch: int) -> None:
        path = find_previews(self.previews, epoch).get(epoch)
        if path is not None:
            with Image.open(path) as sheet:
                pixels = np.asarray(sheet)
            shape = "HW" if pixels.ndim == 2 else "HWC"
            writer.add_image("previews", pixels, epoch, dataformats=shape)
