# What the rules share: the study, the paths, the input functions. synaxial/plan.py decides the rest.

import os
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError

from synaxial.config import as_yaml, part_of_study, part_of_training
from synaxial.config.notices import notices
from synaxial.io.errors import SynaxialError
from synaxial.plan import Plan, check_cluster, nodes_for, read_configuration, version_of

# The commands of the environment that Snakemake itself runs in, whether or not it is activated.
shell.prefix(f"set -euo pipefail; export PATH='{Path(sys.executable).parent}':\"$PATH\"; ")


@contextmanager
def mistakes_in_one_line():
    """Turn a user's mistake into Snakemake's own kind of error, which it shows in one line."""
    try:
        yield
    except SynaxialError as error:
        raise WorkflowError(str(error)) from None


with mistakes_in_one_line():
    study = read_configuration(config, workflow.configfiles)
    # Another workflow that uses this one as a module may put a prefix before all paths.
    plan = Plan(study, Path(workflow.modifier.modify_path(study.results)))

# Print this once, not in each job. The study of a module is not in these files.
if workflow.is_main_process and not workflow.modifier.skip_configfile:
    overrides = workflow.config_settings.config
    for line in notices(workflow.overwrite_configfiles, overrides, os.environ):
        print(line, file=sys.stderr)

RESULTS = study.results
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
# The folder of one training, which is one experiment with one seed.
TRAINING = f"{RESULTS}/experiments/{{experiment}}/seed_{{seed}}"
STACKS = range(study.sample.stacks)
# The trainings of a run without a target.
CHOSEN = plan.trainings(study.chosen_experiments)
# When the run began: older logs are another run's.
STARTED = time.time()
# The open lock files. This process keeps the locks until it ends.
LOCKS = []


wildcard_constraints:
    batch=r"[a-z_]+_\d+",
    # Snakemake then says that no rule makes the files of another experiment.
    experiment="|".join(map(re.escape, study.experiments)),
    seed=r"\d+",
    stage=r"[a-z]+",


def settings_of(stage):
    """The file with the part of the study that a stage reads."""
    return f"{RESULTS}/settings/{stage}.yaml"


def once_fetched(ask, *arguments):
    """What a function returns, asked when the source's files are there."""
    if plan.source.must_be_fetched:
        checkpoints.fetch.get()
    return ask(*arguments)


def of_batches(kind=""):
    """An input function: the tables of the batches of this kind; those of all without one."""
    return lambda wildcards: expand(
        rules.prepare.output.table, batch=once_fetched(plan.batches_of, kind)
    )


def after_manifest(kind, folder):
    """An input function: the manifest, which comes before the data set of a kind is packed.

    A new manifest alone packs nothing. But Snakemake does not look at the other inputs and the parameters
    of a job behind an `ancient` one that is made again, so it is not `ancient` while the data set is not
    that of its subjects.
    """

    def manifest(wildcards):
        table = rules.manifest.output.table
        return ancient(table) if once_fetched(plan.is_packed, kind, folder) else table

    return manifest


def of_subjects(name, subjects):
    """A parameter function: this file of each of the subjects that a function returns.

    The files are in no rule's output; see the rule `prepare`.
    """
    pattern = f"{plan.results}/{name}"
    return lambda wildcards: expand(pattern, subject=once_fetched(subjects))


def after_check(check, *paths):
    """An input function: these files, if a check finds no mistake in the study."""

    def checked(wildcards):
        check()
        return list(paths)

    return checked


def of_trainings(pattern, trainings):
    """The pattern's files of these trainings, each an experiment and a seed."""
    return [
        path for name, seed in trainings for path in expand(pattern, experiment=name, seed=seed)
    ]


def synaxial_for_each(word, values, commands):
    """A command line that runs these commands for each value of a word, in one process."""
    return "synaxial " + " --then ".join(commands.replace(word, str(value)) for value in values)


def masks_of_training(experiment):
    """The masks of the images trained with, if the experiment generates masks too."""
    return list(rules.pack_masks.output) if study.experiments[experiment].masks else []


def resource_of_train(name, default):
    """A resource that the profile gives the training; `default` where it gives none."""
    resources = rules.train.rule.resources
    if name not in resources:
        return default
    # A string in a profile is an expression that Snakemake evaluates for a job. There is no job yet:
    # take one without an up-sampler.
    inputs = SimpleNamespace(upsampler=[])
    job = {"input": inputs, "attempt": 1, "threads": 1, "rulename": "train", "async_run": None}
    return resources[name].evaluate({}, **job).value
