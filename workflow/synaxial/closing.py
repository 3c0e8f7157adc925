"""What a run of the workflow says at its end."""

from pathlib import Path

from synaxial.config import Study
from synaxial.data.volumes.manifest import summary_of_warnings
from synaxial.io.files import read_json

#: The record of a finished training, by the folder of its log.
RECORDS = {"train": "run.json", "train_upsampler": "upsampler/run.json"}

#: How many lines of an unfinished training's log are shown at the end of a failed run.
LAST_LINES = 15


def summary(study: Study, results: Path) -> str:
    """Return what a finished run has made to look at."""
    found = []
    for name, training in study.experiments.items():
        folder = results / "experiments" / name / f"seed_{training.seeds[0]}"
        found += [
            (f"sheet, {name}", folder / "samples" / "stack_0.png"),
            (f"curves, {name}", folder / "curves.png"),
        ]
    found += [
        (what, results / path)
        for what, path in {
            "verdict and all numbers": "comparison.html",
            "the paper's comparisons": "figures/comparison.html",
            "gain for segmentation": "segment/segmentation.html",
            "scaling": "scaling/scaling.html",
            "page for readers": "turing/page.html",
            "catalogue of all images": "catalogue.sqlite",
        }.items()
    ]
    lines = [f"  {what:<28}{path}" for what, path in found if path.exists()]
    if lines:
        lines = ["", "Finished. Results to look at:", *lines]
    description = results / "dataset" / "dataset.json"
    skipped = read_json(description)["skipped"] if description.exists() else []
    table = results / "manifest.csv"
    if skipped:
        lines.append(f"{len(skipped)} subjects were left out; {table} says why.")
    warnings = summary_of_warnings(table) if table.exists() else []
    if warnings:
        lines += ["", f"Check these subjects (warnings of {table}):"]
        lines += [f"  {line}" for line in warnings]
    return "\n".join(lines)


def advice(results: Path, started: float) -> str:
    """Return what a failed run's logs say, and what to do.

    The run began at `started`, in seconds of Unix time: older logs are another run's.
    """
    logs = results / "logs"
    written = sorted(p for p in logs.rglob("*.log") if p.stat().st_mtime >= started)
    slurm = Path("logs", "slurm")
    return "\n".join(
        [
            "",
            *_ends_of_trainings(results, written),
            *_errors_in(written),
            f"Not finished. Each job has its own log in {logs}. What is finished is kept.",
            "Remove the cause, and run the same command again.",
            *([f"Slurm's own logs are in {slurm}, by rule."] if slurm.exists() else []),
        ]
    )


def _ends_of_trainings(results: Path, logs: list[Path]) -> list[str]:
    """Return the last lines of the logs of unfinished trainings, without the progress."""
    found = []
    for path in logs:
        record = RECORDS.get(path.relative_to(results / "logs").parts[0])
        folder = results / "experiments" / path.parent.name / path.stem
        if record is not None and not (folder / record).exists():
            lines = path.read_text(errors="replace").splitlines()
            said = [line for line in lines if line and not line.startswith("training [")]
            found += [f"The end of {path}:", *(f"  {line}" for line in said[-LAST_LINES:]), ""]
    return found


def _errors_in(logs: list[Path]) -> list[str]:
    """Return the errors that commands have written into logs, each once."""
    lines = [line for path in logs for line in path.read_text(errors="replace").splitlines()]
    errors = [line for line in lines if line.startswith("synaxial ") and ": error" in line]
    return list(dict.fromkeys(errors))
