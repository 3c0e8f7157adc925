"""`synaxial data prepare`: the stages from the volume to the images, of many subjects at once."""

import logging
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.processes import Processes, in_processes
from synaxial.config import Study, read_study
from synaxial.data.prepared.memory import (
    Memory,
    digest_of,
    files_of,
    forget,
    memory_of,
    record_of,
    remember,
    sizes_of,
    stages_to_run,
    wanted_stages,
)
from synaxial.data.slices import mask, resize
from synaxial.data.slices import slice as cutting
from synaxial.data.slices.volume import read_volume
from synaxial.data.sources import open_source
from synaxial.data.sources.source import Source
from synaxial.data.volumes import acquire
from synaxial.data.volumes.originals import state_of
from synaxial.data.volumes.record import SKIPPED, USED, Record, read_record
from synaxial.io.errors import SeveralError, SynaxialError, in_words
from synaxial.io.files import is_placeholder, read_json, sha256_of, write_csv, write_placeholder
from synaxial.io.stacks import Stack, read_stack, write_stack

#: Raise it when the table changes; each stage has a version of its own.
VERSION = 1

#: The columns of the table: a subject, whether it is used, and digests of what is packed of it.
COLUMNS = ["subject", "status", "record", "images", "masks"]

#: The stages, in the order in which a subject runs through them.
STAGES = {"acquire": acquire, "slice": cutting, "resize": resize, "mask": mask}

logger = logging.getLogger(__name__)


def run(
    output: Annotated[Path, typer.Option(help="Folder of results.")],
    fetched: Annotated[Path, typer.Option(help="Folder written by `synaxial data fetch`.")],
    table: Annotated[Path, typer.Option(help="Table of the subjects to write (.csv).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    subjects: Annotated[
        list[str] | None, typer.Argument(help="These subjects; all of the study without them.")
    ] = None,
    path: Annotated[
        Path | None, typer.Option(help="The folder of the source, in place of the study's.")
    ] = None,
    states: Annotated[
        str, typer.Option(help="States of the subjects, with commas, for reruns only.")
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="Processes, of one thread each.")] = 1,
) -> None:
    """Acquire, slice, resize and mask subjects: what has changed since the last time, and no more.

    The files are those of `data acquire`, `slice`, `resize` and `mask`, in the folders volumes/,
    slices/, images/ and masks/. A subject without a segmentation has an empty file of masks. If a
    subject fails, the others are finished and kept, but there is no table.

    \b
    Example: synaxial data prepare --fetched results/source --output results
      --table results/prepared/all.csv --threads 2
    """
    study = read_study(config)
    source = open_source(acquire.settings_for(study.acquire, subjects, path), fetched)
    told = states_told(subjects or [], states)
    tasks = [(name, told.get(name, "")) for name in source.people()]
    work = partial(prepare_subject, source, study, output)
    processes = Processes(min(threads, len(tasks)))
    remedy = "what is finished is kept; set more mem_mb or fewer threads for the rule prepare"
    found = list(in_processes(work, tasks, processes, "prepare", remedy))
    errors = [result for result in found if isinstance(result, str)]
    if errors:
        raise SeveralError(errors)
    write_csv(table, COLUMNS, (result for result in found if not isinstance(result, str)))


def states_told(subjects: list[str], states: str) -> dict[str, str]:
    """Return the state of each subject that `--states` gives; none without it."""
    if not states:
        return {}
    words = states.split(",")
    if len(words) != len(subjects):
        raise SynaxialError("--states", f"has {len(words)}", f"{len(subjects)}, one a subject")
    return dict(zip(subjects, words, strict=True))


def prepare_subject(
    source: Source, study: Study, results: Path, task: tuple[str, str]
) -> dict[str, str] | str:
    """Run the stages of a subject that are not current.

    Returns
    -------
    dict[str, str] or str
        The row of the table, or, if the subject failed, what is wrong.
    """
    subject, state = task
    try:
        return _prepare(source, study, results, subject, state)
    except (SynaxialError, OSError) as error:
        return in_words(error)
    # A fault of ours must not cost the other subjects either.
    except Exception as error:
        logger.exception("%s: unexpected", subject)
        return f"{subject}: {type(error).__name__}: {error}; see the log"


def _prepare(
    source: Source, study: Study, results: Path, subject: str, state: str
) -> dict[str, str]:
    memory, files = memory_of(results, subject), source.files(subject)
    wanted = wanted_stages(study, lambda stage: int(STAGES[stage].VERSION))
    again = stages_to_run(files, results, subject, memory, wanted)
    originals, row, no_masks = memory.originals, memory.row, memory.no_masks
    if again:
        forget(results, subject, memory, again)
        # Old files must not stand beside new ones if this process ends here.
        for name in (name for stage in again for name in files_of(stage, subject)):
            (results / name).unlink(missing_ok=True)
        work = _Subject(source, study, results, subject)
        for stage in again:
            getattr(work, stage)()
        if "acquire" in again:
            originals = str(work.record.state)
        if "mask" in again:
            no_masks = work.no_masks
    if again or memory.version != VERSION:
        row = _row(results, subject)
    names = [name for stage in STAGES for name in files_of(stage, subject)]
    sizes = sizes_of(results, names)
    now = Memory(state, originals, wanted.stages, sizes, row, VERSION, no_masks)
    if now != memory:
        remember(results, subject, now)
    return row


@dataclass
class _Subject:
    """The work on one subject. What a stage has made stays in memory for the next one."""

    source: Source
    study: Study
    results: Path
    name: str
    #: As of `Memory`, once the masks are made.
    no_masks: str = ""

    def acquire(self) -> None:
        state = state_of(self.source.files(self.name))
        folder = self.results / "volumes"
        made = acquire.acquire_subject(self.source, self.study.acquire, self.name, folder, state)
        self.record, self.labels = made.record, made.segmentation
        if made.voxels is not None:
            self.voxels = made.voxels

    def slice(self) -> None:
        output = self._path("slice")
        wanted = cutting.slices_to_cut(self.record, self.study, output)
        if wanted is None:
            self.slices = None
            return
        where = str(self._path("acquire"))
        self.slices = cutting.cut_volume(self.voxels, self.record, wanted, self.study, where)
        write_stack(output, self.slices.pages, self.slices.descriptions)

    def resize(self) -> None:
        if self.slices is None:
            write_placeholder(self._path("resize"))
            return
        images = resize.resize_stack(self.slices, self.record, self.study)
        write_stack(self._path("resize"), images.pages, images.descriptions)

    def mask(self) -> None:
        output = self._path("mask")
        wanted = cutting.slices_to_cut(self.record, self.study, output)
        if wanted is None:
            return
        labels = self.labels
        if labels is None:
            self.no_masks = "; ".join(self.record.warnings) or "no segmentation"
            write_placeholder(output)
            return
        try:
            masks = mask.mask_slices(labels, self.record, wanted, self.study)
        except SynaxialError as error:
            # No volume is lost because of its segmentation.
            self.no_masks = str(error)
            logger.warning("%s: there are no masks of this subject: %s", self.name, error)
            write_placeholder(output)
            return
        write_stack(output, masks.pages, masks.descriptions)

    # What an earlier run has made is read.
    @cached_property
    def record(self) -> Record:
        return read_record(record_of(self.results, self.name))

    @cached_property
    def voxels(self) -> NDArray[Any]:
        return read_volume(self._path("acquire"))

    @cached_property
    def labels(self) -> NDArray[np.uint8] | None:
        path = self._path("acquire", 1)
        return None if is_placeholder(path) else read_volume(path)

    @cached_property
    def slices(self) -> Stack | None:
        path = self._path("slice")
        return None if is_placeholder(path) else read_stack(path)

    def _path(self, stage: str, number: int = 0) -> Path:
        return self.results / files_of(stage, self.name)[number]


def _row(results: Path, subject: str) -> dict[str, str]:
    """Return the row of a subject in the table, which changes only if what is packed changes."""
    record = read_json(record_of(results, subject))
    # A file that was copied or moved is the same volume.
    facts = {key: value for key, value in record.items() if key not in {"state", "origin"}}
    images, masks = (results / files_of(stage, subject)[0] for stage in ("resize", "mask"))
    return {
        "subject": subject,
        "status": SKIPPED if is_placeholder(images) else USED,
        "record": digest_of(facts),
        "images": sha256_of(images)[:16],
        "masks": sha256_of(masks)[:16],
    }
