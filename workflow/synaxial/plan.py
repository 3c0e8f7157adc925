"""What a run of the workflow makes: its targets, and its checks at the start.

The rule files ask this module. Nothing in it needs Snakemake.
"""

import ast
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from synaxial.cli import COMMANDS, source_of
from synaxial.config import (
    Study,
    as_yaml,
    check_evaluation,
    check_networks,
    check_validation,
    make_study,
    pixel_millimetres,
    read_keys,
    read_study,
)
from synaxial.data.dicom.pseudonyms import check_key_file
from synaxial.data.prepared.batches import HELD_OUT, MOST_WORKERS, TRAINED, cut_into_batches
from synaxial.data.prepared.memory import Wanted, state_of_subject, wanted_stages
from synaxial.data.sources import open_source
from synaxial.data.sources.source import Source
from synaxial.data.subjects import check_lists, split_subjects
from synaxial.gan.train.slurm import check_environment, check_slurm
from synaxial.io.errors import SynaxialError
from synaxial.io.files import take_lock
from synaxial.studies.scaling.points import points_of
from synaxial.studies.segment.limits import NONE, check_size, people_wanted
from synaxial.studies.turing.choosing import most_of_a_kind

#: A training of the study: the experiment and the seed.
Training = tuple[str, int]


def version_of(command: str) -> int:
    """Return the `VERSION` of a command's module, read from its source without importing it.

    It is a parameter of the command's rule, so that raising it runs the rule again.
    """
    for node in source_of(COMMANDS[command]).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == "VERSION" and isinstance(node, ast.Assign):
            return int(ast.literal_eval(node.value))
    raise LookupError(f"{COMMANDS[command]} has no VERSION")


def read_configuration(config: Mapping[str, Any], files: Iterable[str | Path]) -> Study:
    """Return the checked study of Snakemake's `config`, which came from these files.

    Raises
    ------
    SynaxialError
        A key is unknown, is in a file twice, or has a bad value, or two values do not fit.
    """
    # Snakemake has read the files, but takes the last of two equal keys without a word.
    names = [os.path.relpath(file) for file in files]
    for name in names:
        read_keys(Path(name))
    study = make_study(config, ", ".join(names) or "configuration")
    check_study(study)
    return study


def check_study(study: Study) -> None:
    """Check whatever can be checked without the volumes.

    Raises
    ------
    SynaxialError
        A network does not fit the images' size, the size of a pixel is not known, the images are
        too small to be evaluated, `segment.channels` are too many for them, or the results would be
        below a file.
    """
    results = Path(study.results)
    # Snakemake would look for files below it, and fail.
    for folder in (results, *results.parents):
        if folder.exists() and not folder.is_dir():
            raise SynaxialError("results", f"{folder} is a file", "a folder, or a new name")
    pixel_millimetres(study)
    check_networks(study)
    for name in study.chosen_experiments:
        check_validation(study.experiments[name], name)
    check_evaluation(study)
    if _can_segment(study):
        check_size(study.resize.size, study.segment.channels, study.segment.reduction)


def run(
    config: Annotated[Path, typer.Option(help="The study to check.")] = Path("config.yaml"),
) -> None:
    """Check a study file, and print the study with all its defaults.

    \b
    Example: synaxial check --config config.yaml
    """
    check_study(study := read_study(config))
    check_lists(study.acquire)
    dicom = study.acquire.dicom
    if study.acquire.source == "dicom" and dicom.key_file and dicom.path:
        check_key_file(dicom.key_file.expanduser(), dicom.path.expanduser(), Path(study.results))
    sys.stdout.write(as_yaml(study.model_dump(mode="json")))


@dataclass(frozen=True)
class Plan:
    """What a study's run makes.

    Attributes
    ----------
    study
        The checked study.
    results
        The folder of results. It differs from `study.results` where another workflow uses this one
        as a module with a prefix.
    """

    study: Study
    results: Path

    def __post_init__(self) -> None:
        """Check the lists of subjects, before a long download as far as is possible without it.

        Raises
        ------
        SynaxialError
            The source does not have the subjects, or the lists contradict each other.
        """
        if self.source.must_be_fetched:
            check_lists(self.study.acquire)
            return
        self.training_subjects()
        if _can_segment(self.study):
            people = len({self._people[subject] for subject in self.training_subjects()})
            for asked in self.study.segment.subjects:
                people_wanted(str(asked), people)

    @cached_property
    def source(self) -> Source:
        """The source of the volumes."""
        return open_source(self.study.acquire, self.results / "source")

    @cached_property
    def catalogue(self) -> str:
        """The URL of the catalogue of all generated images."""
        return self.study.catalogue.url or f"sqlite:///{self.results}/catalogue.sqlite"

    @cached_property
    def _people(self) -> dict[str, str]:
        return self.source.people()

    @cached_property
    def _split(self) -> tuple[list[str], list[str]]:
        return split_subjects(self._people, self.study.acquire, "the study")

    def subjects(self) -> list[str]:
        """Return all subjects; those of an archive are known once it is fetched."""
        return list(self._people)

    def training_subjects(self) -> list[str]:
        """Return the subjects whose images train the networks."""
        return self._split[0]

    def held_out_subjects(self) -> list[str]:
        """Return the subjects that no network sees."""
        return self._split[1]

    @cached_property
    def batches(self) -> dict[str, list[str]]:
        """The subjects of each batch that is prepared by one job, by the name of the batch."""
        training, held_out = self._split
        # A time point of a held-out person that is not held out itself is used for nothing.
        others = [name for name in self._people if name not in {*training, *held_out}]
        kinds = {TRAINED: training, HELD_OUT: held_out, "other": others}
        cut = [cut_into_batches(kind, subjects) for kind, subjects in kinds.items()]
        return {name: subjects for batches in cut for name, subjects in batches.items()}

    def batches_of(self, kind: str) -> list[str]:
        """Return the names of the batches of `TRAINED` or `HELD_OUT` subjects; "" means all."""
        return [name for name in self.batches if name.startswith(kind)]

    def is_packed(self, kind: str, folder: str) -> bool:
        """Tell whether the data set in a folder is what the tables of its batches are now.

        The rule `pack` writes `packed.csv`: its version, and the tables without what is not packed.
        """
        tables = [self.results / "prepared" / f"{name}.csv" for name in self.batches_of(kind)]
        data_set = self.results / folder
        try:
            packed = (data_set / "packed.csv").read_text(encoding="utf-8")
            rows = [line for table in tables for line in _lines_of(table)]
        except OSError:
            return False
        is_same = packed.splitlines() == [str(version_of("data pack")), *rows]
        return is_same and (data_set / "images.npy").exists()

    def subjects_of(self, batch: str) -> list[str]:
        """Return the subjects of a batch."""
        return self.batches[batch]

    def states_of(self, batch: str) -> list[str]:
        """Return the state of each subject of a batch (see `state_of_subject`)."""
        return [
            state_of_subject(self.source.files(name), self.results, name, self._wanted)
            for name in self.batches[batch]
        ]

    @cached_property
    def _wanted(self) -> Wanted:
        return wanted_stages(self.study, lambda stage: version_of(f"data {stage}"))

    def workers_of(self, batch: str) -> int:
        """Return the number of processes that prepare a batch."""
        return min(MOST_WORKERS, len(self.batches[batch]))

    def trainings(self, experiments: Iterable[str]) -> list[Training]:
        """Return the experiment and the seed of each training of these experiments."""
        return [(name, seed) for name in experiments for seed in self.study.experiments[name].seeds]

    def pairs(self) -> list[Training]:
        """Return the experiments to show beside the base, with the seeds that both have."""
        base = self.study.base_experiment
        shared = set(self.study.experiments[base].seeds)
        others = [name for name in self.study.experiments if name != base]
        return [(name, seed) for name, seed in self.trainings(others) if seed in shared]

    def points(self) -> list[tuple[str, int]]:
        """Return the modes and numbers of ranks of the scaling study.

        Numbers of ranks that cannot share the batch are left out; the study's table says why.
        """
        training = self.study.experiments[self.study.scaling_experiment]
        return points_of(training, self.study.scaling.ranks)

    def check_turing(self) -> None:
        """Raise a SynaxialError if there are too few images for the page of the Turing test."""
        self._need_held_out("turing")
        images, sample = self.study.turing.images, self.study.sample
        most = most_of_a_kind(images)
        if sample.stacks * sample.images_of_stack < most:
            raise SynaxialError(
                "turing.images",
                f"{images} may need {most} generated images, but sample.stacks and sample.images "
                f"make {sample.stacks * sample.images_of_stack}",
            )

    def check_segment(self) -> None:
        """Raise a SynaxialError if no subjects are held out to test the segmentation on."""
        self._need_held_out("segment")

    def _need_held_out(self, study: str) -> None:
        if not self.study.acquire.held_out:
            raise SynaxialError(
                study, "needs subjects that no network sees", remedy="see acquire.held_out"
            )

    def segment_experiment(self) -> str:
        """Return the experiment whose images with masks train a segmentation model.

        Raises
        ------
        SynaxialError
            The study has none, or the one that it names makes no masks.
        """
        name = self.study.segment_experiment
        if name is None:
            found = "no experiment has masks: true"
            raise SynaxialError("segment", found, remedy="see docs/studies/segmentation.md")
        if not self.study.experiments[name].masks:
            raise SynaxialError("segment.experiment", f"{name!r} does not have masks: true")
        return name

    def segment_trainings(self) -> list[tuple[str, int]]:
        """Return the kind of images with the number of people, and the seed, of each U-Net."""
        self.segment_experiment()
        sets = [
            f"{kind}_{people}"
            for people in self.study.segment.subjects
            for kind in ("real", "both")
        ]
        return [
            (name, seed)
            for name in [*sets, f"synthetic_{NONE}"]
            for seed in self.study.segment.seeds
        ]

    def segment_generators(self, kind: str, seed: int) -> list[Training]:
        """Return the experiment and seed of the generator whose images a U-Net is trained on.

        There is none for the kind `real`. The seeds of the U-Nets use the seeds of the experiment
        in turn.

        Raises
        ------
        SynaxialError
            The study has no U-Net of this seed.
        """
        if kind == "real":
            return []
        name, seeds = self.segment_experiment(), self.study.segment.seeds
        if seed not in seeds:
            raise SynaxialError("segment.seeds", f"{seed} is not among {seeds}")
        trainings = self.study.experiments[name].seeds
        return [(name, trainings[seeds.index(seed) % len(trainings)])]

    def catalogue_is_lost(self, experiment: str, seed: int | str) -> bool:
        """Tell whether a training was loaded into a catalogue's file that is gone."""
        folder = self.results / "experiments" / experiment / f"seed_{seed}"
        record = folder / "catalogue.json"
        kind, _, path = self.catalogue.partition(":///")
        return kind == "sqlite" and record.exists() and not Path(path).exists()

    def lock_results(self) -> IO[str]:
        """Take the folder of results for this process, until the returned file is closed.

        Snakemake's own lock stays when a Snakemake is killed; profiles/slurm does without it.

        Raises
        ------
        SynaxialError
            Another Snakemake has the folder, or it cannot be written to.
        """
        try:
            return take_lock(self.results / ".lock")
        except BlockingIOError:
            raise SynaxialError(
                self.results, "another Snakemake is running here", remedy="wait for it or end it"
            ) from None
        except OSError as error:
            raise SynaxialError(
                self.results, f"cannot be written to ({error.strerror})", "a folder for results"
            ) from error


def nodes_for(ranks: int, tasks: int, nodes: int | None) -> int:
    """Return the number of nodes for `ranks` MPI ranks, with as many per node as in a training.

    A training has `tasks` ranks on `nodes` nodes; `nodes` is None without a cluster.
    """
    return 1 if nodes is None else math.ceil(ranks / math.ceil(tasks / nodes))


def check_cluster(device: str) -> None:
    """Check that Slurm is there, and what its jobs need for trainings on this device.

    Raises
    ------
    SynaxialError
        Slurm's commands are missing or do not answer, or GPUs are wanted without CuPy.
    """
    check_environment(device)
    check_slurm()


def _lines_of(table: Path) -> list[str]:
    """Return the lines of a batch's table, with the first four columns."""
    lines = table.read_text(encoding="utf-8").splitlines()
    return [",".join(line.split(",")[:4]) for line in lines]


def _can_segment(study: Study) -> bool:
    name = study.segment_experiment
    return name is not None and study.experiments[name].masks and bool(study.acquire.held_out)
