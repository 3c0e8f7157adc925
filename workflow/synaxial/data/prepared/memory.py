"""What is known of each prepared subject, so that only what has changed is made again.

Snakemake knows batches of subjects. Which subject of a batch is made again, and by which of its
stages, is decided here. A stage is current if its settings and its version are the same, its files
are there with the same sizes, and the stage before it is current. The memory of a subject is a file
of its own. It forgets the stages that are made again before they begin, and is written when all
stages are done.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from synaxial.config import Study, part_of_study
from synaxial.data.volumes.originals import state_for_rerun
from synaxial.data.volumes.record import SKIPPED
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

#: The files of each stage of a subject, below the folder of results. The last one of a stage is
#: written last.
FILES = {
    "acquire": (
        *("volumes/{subject}_flair.nii.gz", "volumes/{subject}_seg.nii.gz"),
        "volumes/{subject}.json",
    ),
    "slice": ("slices/{subject}.tif",),
    "resize": ("images/{subject}.tif",),
    "mask": ("masks/{subject}.tif",),
}

#: The stage whose files a stage reads.
BEFORE = {"slice": "acquire", "resize": "slice", "mask": "acquire"}


@dataclass(frozen=True)
class Wanted:
    """What a study asks for of each subject."""

    #: Of each stage, in their order, a digest of its settings and version.
    stages: dict[str, str]
    #: Whether subjects may be skipped.
    skip: bool


@dataclass(frozen=True)
class Memory:
    """What was known of a subject when it was prepared; the defaults mean that it never was."""

    #: What Snakemake was told (see `state_of_subject`).
    state: str = ""
    #: The state of the source's files (see `originals.py`).
    originals: str = ""
    #: Of each stage, a digest of its settings and version.
    stages: dict[str, str] = field(default_factory=dict)
    #: The size of each file in bytes.
    sizes: dict[str, int] = field(default_factory=dict)
    #: The row of the subject in the table of its batch.
    row: dict[str, str] = field(default_factory=dict)
    #: The version of this row.
    version: int = 0
    #: Why the subject has no masks; "" if it has some, or is skipped.
    no_masks: str = ""


def memory_of(results: Path, subject: str) -> Memory:
    """Return the memory of a subject; without a usable file, that of one never prepared."""
    try:
        return Memory(**read_json(_path(results, subject)))
    except (SynaxialError, TypeError):
        return Memory()


def remember(results: Path, subject: str, memory: Memory) -> None:
    """Write the memory of a subject."""
    write_json(_path(results, subject), asdict(memory))


def forget(results: Path, subject: str, memory: Memory, stages: Sequence[str]) -> None:
    """Write the memory of a subject without these stages, which are made again now.

    If this process is killed among old and new files, they are not taken for current ones.
    """
    kept = {stage: digest for stage, digest in memory.stages.items() if stage not in stages}
    if kept != memory.stages:
        remember(results, subject, replace(memory, stages=kept))


def record_of(results: Path, subject: str) -> Path:
    """Return the path of the record of a subject."""
    return results / FILES["acquire"][-1].format(subject=subject)


def files_of(stage: str, subject: str) -> list[str]:
    """Return the files of a stage of a subject, relative to the folder of results."""
    return [name.format(subject=subject) for name in FILES[stage]]


def sizes_of(results: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the size in bytes of each of these files, -1 for one that is not there."""
    found = {}
    for name in names:
        try:
            found[name] = (results / name).stat().st_size
        except OSError:
            found[name] = -1
    return found


def wanted_stages(study: Study, version_of: Callable[[str], int]) -> Wanted:
    """Return what a study asks for of each subject, with these versions of the stages."""
    # What becomes of bad volumes does not change a good one.
    acquire = study.acquire.model_copy(update={"on_bad_volume": "fail"})
    strict = study.model_copy(update={"acquire": acquire})
    return Wanted(
        {stage: digest_of([version_of(stage), part_of_study(strict, stage)]) for stage in FILES},
        study.acquire.on_bad_volume == "skip",
    )


def state_of_subject(originals: Sequence[Path], results: Path, subject: str, wanted: Wanted) -> str:
    """Return the state of a subject: another one than at its last preparation if it must run again.

    It must if the source's files or its own have changed, or if it was last prepared with other
    settings, which may have been in another batch. The state is the same wherever it is asked for,
    until the subject is prepared: then `synaxial data prepare` writes it into the memory.

    Parameters
    ----------
    originals
        The source's files of the subject now.
    results
        The folder of results.
    subject
        Its name.
    wanted
        As of `stages_to_run`.
    """
    memory = memory_of(results, subject)
    if memory.state and not stages_to_run(originals, results, subject, memory, wanted):
        return memory.state
    return digest_of(memory.state)


def stages_to_run(
    originals: Sequence[Path],
    results: Path,
    subject: str,
    memory: Memory,
    wanted: Wanted,
) -> list[str]:
    """Return the stages of a subject that are not current, in their order.

    Parameters
    ----------
    originals, results, subject
        As of `state_of_subject`.
    memory
        The memory of the subject.
    wanted
        What the study asks for now.
    """
    if memory.row.get("status") == SKIPPED and not wanted.skip:
        return list(wanted.stages)
    lost = _lost(results, memory)
    again: list[str] = []
    for stage, digest in wanted.stages.items():
        if (
            memory.stages.get(stage) != digest
            or BEFORE.get(stage) in again
            or any(name in lost for name in files_of(stage, subject))
        ):
            again.append(stage)
        elif stage == "acquire":
            now = state_for_rerun(originals, record_of(results, subject))
            again += [stage] if now != memory.originals else []
    return again


def digest_of(content: object) -> str:
    """Return a short digest of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _lost(results: Path, memory: Memory) -> list[str]:
    """Return the files that are not there or have another size, by name."""
    found = sizes_of(results, list(memory.sizes))
    return sorted(name for name, size in memory.sizes.items() if found[name] != size)


def _path(results: Path, subject: str) -> Path:
    return results / "prepared" / "subjects" / f"{subject}.json"
