# What the rules share: the checked study, the folder of results, and the input functions.

import math
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

from synaxial.data.sources import open_source
from synaxial.data.subjects import check_lists, person_of, split_subjects
from synaxial.config import (
    as_yaml,
    check_evaluation,
    check_networks,
    make_study,
    part_of_study,
    part_of_training,
    read_keys,
)
from synaxial.config.model import CONTROLS
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.io.locks import take_lock
from synaxial.plan import version_of
from synaxial.studies.scaling.points import MODES, points_of
from synaxial.studies.segment.limits import check_size, people_wanted
from synaxial.gan.train.slurm import check_environment, check_slurm
from synaxial.studies.turing.choosing import most_of_a_kind

# The commands of the environment that Snakemake itself runs in, activated or not.
shell.prefix(f"set -euo pipefail; export PATH='{Path(sys.executable).parent}':\"$PATH\"; ")


def told_in_one_line(work, *arguments):
    """Do some work; turn a user's mistake into Snakemake's own kind of error."""
    try:
        return work(*arguments)
    except SynaxialError as error:
        raise WorkflowError(str(error)) from None


# Snakemake has read these already, but takes the last of two equal keys in silence.
for path in workflow.configfiles:
    told_in_one_line(read_keys, Path(path))

study = told_in_one_line(make_study, config, "configuration")
told_in_one_line(check_networks, study)
told_in_one_line(check_evaluation, study)
RESULTS = study.results
LOGS = f"{RESULTS}/logs"
STARTED = time.time()
BENCHMARKS = f"{RESULTS}/benchmarks"
# The folder of one training: of one experiment with one seed.
TRAINING = f"{RESULTS}/experiments/{{experiment}}/seed_{{seed}}"

# Where all generated images are listed.
CATALOGUE = study.catalogue.url or f"sqlite:///{RESULTS}/catalogue.sqlite"

source = told_in_one_line(open_source, study.acquire, Path(RESULTS, "source"))


wildcard_constraints:
    subject=r"[^/]+",
    experiment=r"[A-Za-z0-9][A-Za-z0-9_.]*",
    seed=r"\d+",
    stack=r"\d+",
    stage=r"[a-z]+",
    control=r"[a-z]+",


def settings_of(stage):
    """The file with the part of the study that a stage reads."""
    return f"{RESULTS}/settings/{stage}.yaml"


# An archive's subjects are known once it is fetched.
KNOWN_SUBJECTS = None if source.must_be_fetched else told_in_one_line(source.subjects)


def subjects():
    """The study's subjects."""
    if KNOWN_SUBJECTS is not None:
        return KNOWN_SUBJECTS
    checkpoints.fetch.get()
    return told_in_one_line(source.subjects)


def source_files(wildcards):
    """The files that a subject's volume is read from; none if it is made."""
    if source.must_be_fetched:
        checkpoints.fetch.get()
    return told_in_one_line(source.files, wildcards.subject)


def split():
    """The subjects whose images train the networks, and those that no network sees."""
    return told_in_one_line(split_subjects, subjects(), study.acquire, "the study")


# Mistakes in the two lists are told at once: all if the subjects are known, else before a long
# download what shows in the lists themselves.
if KNOWN_SUBJECTS is not None:
    split()
else:
    told_in_one_line(check_lists, study.acquire)


def training_subjects():
    """The subjects whose images train the networks."""
    return split()[0]


def held_out_subjects():
    """The subjects that no network sees."""
    return split()[1]


def check_segment():
    """Hold the section `segment` against the study, if there is what it needs."""
    name = study.segment_experiment
    if name is None or not study.experiments[name].masks or not study.acquire.held_out:
        return
    told_in_one_line(check_size, study.resize.size, study.segment.channels)
    # How many people an archive has, is known once it is fetched.
    if KNOWN_SUBJECTS is not None:
        people = len({person_of(subject) for subject in training_subjects()})
        for asked in study.segment.subjects:
            told_in_one_line(people_wanted, str(asked), people)


check_segment()


def held_out_of_training(wildcards):
    """The held-out subjects' images, if the training looks at them on its way."""
    if not study.experiments[wildcards.experiment].validated:
        return []
    return [rules.pack_held_out.output.images, rules.pack_held_out.output.index]


def masks_of_training(name):
    """The masks of the images trained with, if the experiment generates them too."""
    return list(rules.pack_masks.output) if study.experiments[name].masks else []


def of_subjects(pattern, chosen):
    """An input function: the pattern's file of each subject that a function names."""
    return lambda wildcards: expand(pattern, subject=chosen())


def of_trainings(pattern, experiments):
    """The pattern's file of each seed of these experiments."""
    return [
        path
        for name in experiments
        for path in expand(
            pattern, experiment=name, seed=study.experiments[name].seeds, allow_missing=True
        )
    ]


def stacks_of(experiments):
    """These experiments' stacks of generated images."""
    stacks = range(study.sample.stacks)
    return expand(of_trainings(rules.sample.output.stack, experiments), stack=stacks)


def pictures_of_all_stacks(experiments):
    """The sheets of these experiments' stacks, and what else render is asked for."""
    patterns = [rules.render.output.sheet]
    if study.render.images:
        patterns.append(rules.render_images.output.images)
    if study.render.nifti:
        patterns.append(rules.render_nifti.output.nifti)
    of_masks = [rules.render_masks.output.sheet]
    if study.render.nifti:
        of_masks.append(rules.render_nifti_masks.output.nifti)
    masked = [name for name in experiments if study.experiments[name].masks]
    paths = of_trainings(patterns, experiments) + of_trainings(of_masks, masked)
    return expand(paths, stack=range(study.sample.stacks))


def pairs_of_all_experiments():
    """The figures of each experiment beside the base, for the seeds that both have."""
    shared = set(study.experiments[study.base_experiment].seeds)
    return [
        path
        for name, training in study.experiments.items()
        if name != study.base_experiment
        for path in expand(
            rules.pair.output.picture,
            experiment=name,
            seed=[seed for seed in training.seeds if seed in shared],
        )
    ]


def cases_of_base():
    """The figure of the base's best and worst images, if there are subjects to hold them against."""
    if not study.acquire.held_out:
        return []
    return of_trainings(rules.cases.output.picture, [study.base_experiment])


def held_out_to_show(wildcards):
    """The real images of the page; without any there is none."""
    if not study.acquire.held_out:
        raise WorkflowError("turing: needs subjects that no network sees; see acquire.held_out")
    generated, most = study.sample.stacks * study.sample.images, most_of_a_kind(study.turing.images)
    if generated < most:
        raise WorkflowError(
            f"turing.images: {study.turing.images} may need {most} generated images, expected "
            f"sample.stacks and sample.images to make as many, found {generated}"
        )
    return rules.pack_held_out.output.images


def experiment_to_segment():
    """The experiment whose images a segmentation model is trained with."""
    name = study.segment_experiment
    if name is None:
        raise WorkflowError(
            "segment: no experiment has masks: true; see docs/studies/segmentation.md"
        )
    if not study.experiments[name].masks:
        raise WorkflowError(f"segment.experiment: {name!r} does not have masks: true")
    return name


def held_out_to_segment(wildcards):
    """The held-out subjects' images and masks, on which segmentation is judged."""
    if not study.acquire.held_out:
        raise WorkflowError("segment: needs subjects that no network sees; see acquire.held_out")
    return [*rules.pack_held_out.output, *rules.pack_masks_held_out.output]


def real_to_segment(wildcards):
    """The real slices that a U-Net is trained with."""
    if wildcards.kind == "synthetic":
        return []
    return [*rules.pack.output, *rules.pack_masks.output]


def stacks_to_segment(wildcards):
    """The generated slices that a U-Net is trained with: of one training for each seed, in turn."""
    if wildcards.kind == "real":
        return []
    name, seeds = experiment_to_segment(), study.segment.seeds
    if int(wildcards.seed) not in seeds:
        raise WorkflowError(f"segment.seeds: {wildcards.seed} is not among {seeds}")
    trainings = study.experiments[name].seeds
    training = trainings[seeds.index(int(wildcards.seed)) % len(trainings)]
    stacks = range(study.sample.stacks)
    return expand(rules.sample.output.stack, experiment=name, seed=training, stack=stacks)


def all_stacks_to_segment(wildcards):
    """The stacks of all trainings of the experiment whose masks are looked at."""
    return stacks_of([experiment_to_segment()])


def trainings_to_segment(wildcards):
    """The U-Nets: real and both of each size, synthetic alone, each with each seed."""
    experiment_to_segment()
    sets = [f"{kind}_{people}" for people in study.segment.subjects for kind in ("real", "both")]
    return expand(
        f"{RESULTS}/segment/{{set}}/seed_{{seed}}.json",
        set=[*sets, "synthetic_none"],
        seed=study.segment.seeds,
    )


def evidence():
    """What a run without a target says of its images, if there are subjects to hold them against."""
    if not study.acquire.held_out:
        return []
    experiments = study.chosen_experiments
    return [
        *rules.compare.output,
        *of_trainings(rules.evaluate.output.values, experiments),
        *of_trainings(rules.evaluate.output.nearest, experiments),
        *of_trainings(rules.cases.output.picture, experiments),
        *of_trainings(rules.catalogue_load.output.record, experiments),
    ]


def catalogue_is_lost(wildcards):
    """Whether the training was loaded into a file that is gone; then it is loaded again."""
    record = Path(expand(f"{TRAINING}/catalogue.json", **wildcards)[0])
    kind, _, path = CATALOGUE.partition(":///")
    return kind == "sqlite" and record.exists() and not Path(path).exists()


def summary():
    """What a run leaves to look at."""
    found = [
        (f"{what}, {name}", path)
        for name, training in study.experiments.items()
        for what, path in {
            "sheet": f"{RESULTS}/experiments/{name}/seed_{training.seeds[0]}/samples/stack_0.png",
            "curves": f"{RESULTS}/experiments/{name}/seed_{training.seeds[0]}/curves.png",
        }.items()
        if Path(path).exists()
    ]
    found += [
        (what, f"{RESULTS}/{path}")
        for what, path in {
            "numbers, and what they mean": "comparison.html",
            "the same, as in the paper": "figures/comparison.html",
            "worth to a segmentation": "segment/segmentation.html",
            "scaling": "scaling/scaling.html",
            "page for readers": "turing/page.html",
            "catalogue of all images": "catalogue.sqlite",
        }.items()
        if Path(RESULTS, path).exists()
    ]
    lines = ["", "Finished. What there is to look at:"]
    lines += [f"  {what:<28}{path}" for what, path in found]
    description = Path(RESULTS, "dataset", "dataset.json")
    skipped = read_json(description)["skipped"] if description.exists() else []
    if skipped:
        lines.append(f"{len(skipped)} subjects were left out; {RESULTS}/manifest.csv says why.")
    return "\n".join(lines) if found or skipped else ""


# Open files, whose locks would be gone with them.
HELD = []


# Those that cannot share the batch are left out; the table says why.
POINTS = points_of(study.experiments[study.scaling_experiment], study.scaling.ranks)


def of_train(name, default):
    """What the profile says of the training; `default` where it says nothing."""
    resources = workflow.get_rule("train").resources
    if name not in resources:
        return default
    # A profile's text is an expression, which Snakemake evaluates for a job; here there is none yet.
    job = {"input": [], "attempt": 1, "threads": 1, "rulename": "train", "async_run": None}
    return resources[name].evaluate({}, **job).value


def nodes_of_point(wildcards):
    """As many nodes as the ranks fill, at the training's number of ranks a node."""
    nodes = of_train("nodes", None)
    if nodes is None:
        return 1
    return math.ceil(int(wildcards.ranks) / math.ceil(of_train("tasks", 1) / nodes))


def gpus_of_point(wildcards):
    """The GPUs of one machine's ranks, as many a rank as the training has. (Slurm's: `gres`.)"""
    return int(wildcards.ranks) * of_train("gpu", 0) // of_train("tasks", 1)


def take_results():
    """Take the folder of results for this Snakemake alone, as long as it lives.

    Snakemake's own lock outlives a Snakemake that is killed; profiles/slurm does without it.
    """
    try:
        HELD.append(take_lock(Path(RESULTS, ".lock")))
    except BlockingIOError:
        raise WorkflowError(
            f"{RESULTS}: another Snakemake is at work here; wait for it or end it"
        ) from None


def check_cluster():
    """Check that Slurm and what its jobs need are there, if jobs are to be submitted to it."""
    if workflow.executor_plugin is not None and workflow.executor_plugin.name == "slurm":
        told_in_one_line(check_environment, of_train("device", "auto"))
        told_in_one_line(check_slurm)


def logs_of_this_run():
    """The jobs' logs that this run has written to."""
    return sorted(p for p in Path(LOGS).rglob("*.log") if p.stat().st_mtime >= STARTED)


def errors_in_logs():
    """The errors that this run's jobs have told, whether the terminal showed their logs or not."""
    lines = [
        line
        for path in logs_of_this_run()
        for line in path.read_text(errors="replace").splitlines()
        if line.startswith("synaxial ") and ": error" in line
    ]
    return list(dict.fromkeys(lines))


def last_words():
    """The last lines of the logs of trainings that have not finished; progress is left out."""
    found = []
    trainings = Path(LOGS, "train")
    for path in [p for p in logs_of_this_run() if trainings in p.parents]:
        folder = Path(RESULTS, "experiments", path.parent.name, path.stem)
        if not (folder / "run.json").exists():
            lines = path.read_text(errors="replace").splitlines()
            told = [line for line in lines if line and not line.startswith("training [")]
            found += [f"The end of {path}:", *(f"  {line}" for line in told[-15:]), ""]
    return found


def advice():
    """What a failed run leaves to look at."""
    slurm = Path("logs", "slurm")
    return "\n".join(
        [
            "",
            *last_words(),
            *errors_in_logs(),
            f"Not finished. Each job's own log is in {LOGS}. What is done stays done: mend the",
            "cause and give the same command again.",
            *([f"What Slurm says of a job is in {slurm}, by rule."] if slurm.exists() else []),
        ]
    )
