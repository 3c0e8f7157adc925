"""What a finished training writes: networks, log, figures, and run.json."""

import importlib.metadata
import logging
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import Machine
from synaxial.gan.networks.saving import calibrate, digest_of, save_network
from synaxial.gan.train.inputs import Inputs
from synaxial.gan.train.log import as_csv
from synaxial.gan.train.previews import PAIRS, draw_timeline, find_previews
from synaxial.gan.train.setup import Session
from synaxial.io.files import write_json, write_text, written_whole

log = logging.getLogger(__name__)

#: The packages whose versions may change a result.
PACKAGES = (
    *("synaxial", "chainer", "numpy", "numba", "llvmlite", "scipy", "mpi4py", "mpich"),
    *("pillow", "tifffile", "isal"),
)


def describe_run(
    experiment: str, inputs: Inputs, machines: Sequence[Machine], threads_per_rank: int
) -> dict[str, Any]:
    """Return the content of run.json at the start; `write_outputs` adds digests and times."""
    training = inputs.training
    return {
        "experiment": experiment,
        "settings": training.model_dump(mode="json"),
        "fingerprint": inputs.fingerprint,
        "dataset": inputs.description,
        "ranks": [{"rank": rank, **asdict(machine)} for rank, machine in enumerate(machines)],
        "threads_per_rank": threads_per_rank,
        "images_per_rank_and_iteration": inputs.batch_size // len(machines),
        "git_commit": git_commit(Path(__file__)),
        "chainer_configuration": {"dtype": str(chainer.global_config.dtype)},
        **describe_software(),
    }


def describe_software() -> dict[str, Any]:
    """Return the versions of Python, of the packages and of the linear algebra library."""
    installed = {
        str(d.metadata["Name"]).lower(): d.version for d in importlib.metadata.distributions()
    }
    versions = {"python": platform.python_version()}
    versions |= {name: installed[name] for name in PACKAGES if name in installed}
    versions |= {name: v for name, v in installed.items() if name.startswith("cupy")}
    libraries = [
        {key: info.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
        for info in threadpool_info()
    ]
    return {"versions": versions, "libraries": libraries}


def git_commit(file: Path) -> str | None:
    """Return the commit of this project's own work tree, with `-dirty` if there are changes.

    A copy without a work tree of its own may lie in that of another project, whose commit says
    nothing about this one. So `file`, this module, must be tracked, and where this project has it.
    """
    here = file.resolve()
    path = _git(here.parent, "ls-files", "--full-name", "--error-unmatch", here.name)
    if path != "/".join(["workflow", *__name__.split(".")]) + ".py":
        return None
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40")


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says of a folder's work tree, or None if it fails."""
    # A hook of another repository sets these to its own.
    others = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    environment = {name: value for name, value in os.environ.items() if name not in others}
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def write_outputs(session: Session, output: Path, record: dict[str, Any]) -> None:
    """Write the results of a finished training into its output folder; run.json last."""
    # pandas and Matplotlib would be half of this command's start, on every rank.
    from synaxial.gan.train.curves import write_curves  # noqa: PLC0415

    epochs = session.trainer.updater.epoch
    if session.inputs.part == "upsampler":
        record["digests"] = write_upsampler(session, output)
    else:
        record["digests"] = write_generator(session, output, record)
    table = as_csv(session.log.rows, session.log.columns)
    length = f"{epochs} epoch{'s' * (epochs > 1)}"
    title = f"{record['experiment']}: {length}, model {record['fingerprint']}"
    write_text(output / "log.csv", table)
    write_curves(table, title, output / "curves.png")
    write_previews(session, output)
    record["iterations"] = session.trainer.updater.iteration
    record["training_seconds"] = round(session.log.seconds, 3)
    write_json(output / "run.json", record)
    part = session.inputs.part
    log.info("%s: %s %s", output / f"{part}.npz", part, record["digests"][part][:16])


def write_generator(session: Session, output: Path, record: dict[str, Any]) -> dict[str, str]:
    """Write the generator, with its up-sampler if it has one, and the discriminator."""
    training, networks = session.inputs.training, session.networks
    generator = networks.smoothed
    if session.validation is not None:
        generator = session.validation.kept_generator(generator)
        epoch, distance = session.validation.best or (None, None)
        record["nearest_to_held_out"] = {"epoch": epoch, "distance": distance}
    whole = session.whole(generator)
    calibrated = calibrate(whole, training.latent)
    save_network(whole, training, output / "generator.npz", calibrated)
    save_network(networks.discriminator, training, output / "discriminator.npz")
    return {
        "generator": digest_of(whole),
        "discriminator": digest_of(networks.discriminator),
    }


def write_upsampler(session: Session, output: Path) -> dict[str, str]:
    """Write the moving average of an up-sampler."""
    network = session.networks.average
    save_network(network, session.inputs.training, output / "upsampler.npz")
    return {"upsampler": digest_of(network)}


def write_previews(session: Session, output: Path) -> None:
    """Copy the previews from the checkpoints' folder, and draw their timeline."""
    epochs = session.inputs.epochs
    previews = find_previews(session.folder / "previews", epochs)
    if epochs not in previews and session.previews is not None:
        # `preview_epochs` was different when it finished, or somebody has deleted the file.
        session.previews.draw(session.trainer.updater)
        previews = find_previews(session.folder / "previews", epochs)
    for path in previews.values():
        with written_whole(output / "previews" / path.name) as partial:
            shutil.copyfile(path, partial)
    labels = PAIRS if session.inputs.part == "upsampler" else ()
    with written_whole(output / "previews.png") as partial:
        draw_timeline(previews, labels).save(partial)
