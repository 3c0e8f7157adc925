"""The page of results, from what was measured."""

import importlib.metadata
import json
import math
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.partner import REPOSITORY
from benchmarks.preprocessing.rows import Row

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import describe_machine, read_machine, usable_cores
from synaxial.gan.train import outputs
from synaxial.gan.train.outputs import git_commit

PAGE = REPOSITORY / "benchmarks" / "RESULTS.md"

#: Where the numbers of each part lie, for a page that is made of parts measured one by one.
MEASURED = REPOSITORY / "benchmarks" / "measured"

OURS = ("chainer", "numba", "mpi4py", "cupy-cuda12x", "cupy-cuda13x")
OTHERS = ("torch", "numpy", "monai", "torchio", "lightweight-gan")


@dataclass(frozen=True)
class Target:
    """What a ratio shall be.

    Attributes
    ----------
    must, goal
        As printed.
    limit
        The number in `must`.
    at_most
        Whether smaller is better.
    """

    must: str
    goal: str
    limit: float
    at_most: bool = False

    def reached(self, ratio: float) -> bool:
        """Return whether a ratio is as it must be."""
        return ratio <= self.limit if self.at_most else ratio >= self.limit


#: Targets by how the name of a row begins and by what is in the rest of it.
TARGETS = {
    ("training, the", "against the best of PyTorch"): Target("1.2", "1.5", 1.2),
    ("training, the", "arithmetic limit"): Target("0.3", "0.5", 0.3),
    ("training on one GPU", "against PyTorch eager"): Target("1.0", "1.0", 1.0),
    ("training on one GPU", "against PyTorch torch.compile"): Target("", "1.0", 1.0),
    ("peak memory", ""): Target("at most 1.0", "at most 0.7", 1.0, at_most=True),
    ("sampling", "against the best of PyTorch"): Target("1.0", "2.0", 1.0),
    ("acquire", "against MONAI"): Target("1.5", "", 1.5),
    ("acquire", "against TorchIO"): Target("1.5", "", 1.5),
    ("acquire", "against inflating"): Target("", "1.0", 1.0),
    ("369 volumes", "by snakemake"): Target("at most 1.0", "", 1.0, at_most=True),
}

#: Cores that may be busy with other things for a verdict on a target.
MOST_BUSY = 0.3

BUSY = (
    "**The machine was busy with other things.** Sides that took turns were slowed alike, about; "
    "the arithmetic limit, measured once, is too low. Measure again before you believe a row."
)

HEAD = """\
# How fast it is

Written by `python -m benchmarks`; no number here was typed in. All sides of a comparison ran in one
measurement, in turn; numbers are medians, and the notes under each table have the smallest and the
largest. A ratio is the left number over the right one. From one part of the page to the next the
machine may have been more or less busy: compare within a row.

    make benchmark                                      # all parts but `quality`: half an hour
    .venv/bin/python -m benchmarks --only training      # one part, the others as they were
    .venv/bin/python -m benchmarks.quality --help       # trainings for the part `quality`: hours

Networks, noise, dropout, normalisation, loss and optimizer are the paper's, or those of the coarse
stage at its full width, with random weights and images, which do not change the time.
`workflow/synaxial/studies/gpu_check/pytorch` has the same in PyTorch.
"""


def target_of(row: Row) -> Target | None:
    """Return the target of a row, if it has one; there is none where the work is not equal."""
    for (begin, rest), target in TARGETS.items():
        if row.name.startswith(begin) and rest in row.name:
            return target
    return None


def keep(
    part: str, rows: list[Row], notes: list[str], other_python: Path, load: float | None
) -> None:
    """Keep what a part has measured.

    Parameters
    ----------
    part
        Its name.
    rows, notes
        What it found.
    other_python
        The interpreter of the environment with the others' packages.
    load
        The machine's load before the part began, in busy cores; None if it makes no difference.
    """
    MEASURED.mkdir(exist_ok=True)
    content = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit(),
        "machine": machine(),
        "load": None if load is None else f"{load:.2f}",
        "versions": f"{versions_here()}; beside it {versions_there(other_python)}",
        "notes": notes,
        "rows": [asdict(row) for row in rows],
    }
    (MEASURED / f"{part}.json").write_text(json.dumps(content, indent=2) + "\n")


def write_page(parts: list[str]) -> None:
    """Write the page of all parts that have been measured."""
    sections = [section(part) for part in parts]
    PAGE.write_text("\n".join([HEAD, *sections]))


def section(part: str) -> str:
    """Return a part of the page; one that was not measured here stays as it is on the page."""
    measured = MEASURED / f"{part}.json"
    if not measured.exists():
        return kept(part)
    content = json.loads(measured.read_text())
    rows = [Row(**row) for row in content["rows"]]
    lines = [f"## {part.capitalize()}", ""]
    load = content["load"]
    of_load = "" if load is None else f"; {load} cores were busy with other things at the start"
    lines += [
        f"{content['machine']}. {content['versions']}. {content['date']}, commit "
        f"{content['commit']}{of_load}.",
        "",
    ]
    busy = load is not None and float(load) > MOST_BUSY
    if busy:
        lines += [BUSY, ""]
    for note in content["notes"]:
        lines += [note, ""]
    lines += [
        "| | what | ours (or as named) | other | unit | ratio | must | goal | |",
        "| --- | --- | ---: | ---: | --- | ---: | --- | --- | --- |",
    ]
    lines += [line(number, row, busy) for number, row in enumerate(rows, 1)]
    lines += ["", *(f"{number}. {row.how}" for number, row in enumerate(rows, 1)), ""]
    return "\n".join(lines)


def kept(part: str) -> str:
    """Return a part of the page as it is; if it has none, that the part was not measured."""
    title = f"## {part.capitalize()}\n"
    before = PAGE.read_text() if PAGE.exists() else ""
    if title not in before:
        return f"{title}\nNot measured for this page.\n"
    return title + before.partition(title)[2].partition("\n## ")[0].rstrip("\n") + "\n"


def line(number: int, row: Row, busy: bool) -> str:
    """Return a row of the table; of a busy machine it gives no verdict."""
    target = target_of(row)
    cells = [str(number), row.name]
    if row.ratio is None or row.other is None:
        ours = "" if math.isnan(row.ours) else f"{row.ours:.3g}"
        cells += [ours, "", row.unit, "not run" if "not run" in row.how else ""]
    else:
        cells += [plain(row.ours), plain(row.other), row.unit, f"{row.ratio:.2f}"]
    cells += ["", ""] if target is None else [target.must, target.goal]
    if target is None or row.ratio is None or not target.must:
        cells.append("")
    else:
        cells.append("busy" if busy else "reached" if target.reached(row.ratio) else "missed")
    return f"| {' | '.join(cells)} |"


def plain(number: float) -> str:
    """Return a number with three digits."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def machine() -> str:
    """Return one line on the machine."""
    found = read_machine(chainer.get_device("@numpy"))
    return describe_machine([found], usable_cores([found]))


def busy_cores(seconds: float = 3) -> float:
    """Return how many cores of the machine are busy, all processes together."""
    before = processor_time()
    time.sleep(seconds)
    after = processor_time()
    return (after - before) / seconds


def processor_time() -> float:
    """Return the seconds that the machine's cores have computed since it started."""
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def versions_here() -> str:
    """Return the versions of what ours uses, beside those in the line on the machine."""
    found = {name: version(name) for name in OURS}
    return ", ".join(named(found))


def version(package: str) -> str | None:
    """Return a package's version here, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions_there(python: Path) -> str:
    """Return the versions of what is compared with."""
    program = (
        "import importlib.metadata as m, json, platform, sys;"
        # An environment may hide packages of the interpreter below it: the first counts.
        "found = {d.metadata['name'].lower(): d.version for d in [*m.distributions()][::-1]};"
        "print(json.dumps({n: found.get(n) for n in sys.argv[1:]} | "
        "{'Python': platform.python_version()}))"
    )
    said = subprocess.run(
        [python, "-c", program, *OTHERS], check=True, capture_output=True, text=True
    )
    found = json.loads(said.stdout)
    return ", ".join([f"Python {found.pop('Python')}", *named(found)])


def named(versions: dict[str, str | None]) -> list[str]:
    """Return `name version` of what is there."""
    names = {"numpy": "NumPy", "chainer": "Chainer", "torch": "PyTorch", "numba": "Numba"}
    names |= {"monai": "MONAI", "torchio": "TorchIO"}
    return [f"{names.get(name, name)} {found}" for name, found in versions.items() if found]


def commit() -> str:
    """Return the beginning of the repository's commit."""
    return (git_commit(Path(outputs.__file__)) or "unknown")[:7]
