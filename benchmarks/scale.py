"""What grows with the number of subjects and of ranks: Snakemake's graph, memory, start-up, files.

Each row is one measured number. How it grows is in its note.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from benchmarks.partner import REPOSITORY
from benchmarks.preprocessing.rows import Row
from benchmarks.study import coarse, paper, start_ours, write_study

#: Subjects of BraTS 2020, and of a large study.
SUBJECTS = (369, 5000)

#: Slices of a subject, levels 60 to 107 of the paper.
SLICES = 48

#: The experiments of the study whose graph is measured, and the seeds of each.
EXPERIMENTS, SEEDS = {"final": {}, "batch_64": {"batch_size": 64}, "modern": {}}, [1, 2, 3]

#: Prints the files that a rank opens to import all that it needs, and their bytes.
IMPORTED = """
import json, os, sys
import synaxial.gan.train.command
found = {line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if "/" in line}
for module in list(sys.modules.values()):
    for name in ("__cached__", "__file__"):
        path = getattr(module, name, None)
        if path and os.path.exists(path):
            found.add(path)
            break
found = [path for path in found if os.path.isfile(path) and not path.startswith("/dev/")]
print(json.dumps([len(found), sum(map(os.path.getsize, found))]))
"""


def measure() -> list[Row]:
    """Measure everything; the largest file is sparse and takes no space."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        place = Path(folder)
        rows = [row for subjects in SUBJECTS for row in rows_of_graph(place, subjects)]
        rows += rows_of_start()
        rows += rows_of_memory(place)
    return rows


def rows_of_graph(place: Path, subjects: int) -> list[Row]:
    """Measure a dry run of a whole study."""
    data, folder = place / f"data-{subjects}", place / f"run-{subjects}"
    folder.mkdir()
    names = [f"Subject_{number:05d}" for number in range(subjects)]
    for name in names:
        (data / name).mkdir(parents=True)
        for kind in ("flair", "seg"):
            (data / name / f"{name}_{kind}.nii.gz").touch()
    study = {
        "acquire": {
            "source": "directory",
            "directory": {
                "path": str(data),
                "pattern": "{subject}/{subject}_flair.nii.gz",
                "segmentation_pattern": "{subject}/{subject}_seg.nii.gz",
            },
            "subjects": names[20:],
            "held_out": names[:20],
        },
        "experiments": {
            name: {**keys, "seeds": SEEDS, **({"preset": "modern"} if name == "modern" else {})}
            for name, keys in EXPERIMENTS.items()
        },
        "default_experiments": list(EXPERIMENTS),
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    command = [str(Path(sys.executable).with_name("snakemake")), "--dry-run", "--quiet", "rules"]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    command += ["--profile", str(REPOSITORY / "profiles" / "local")]
    command += ["--configfile", str(folder / "study.yaml")]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    said = (folder / "output").read_text()
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said[-2000:]}")
    jobs = next(line.split()[1] for line in said.splitlines() if line.startswith("total"))
    how = (
        f"{jobs} jobs: {len(EXPERIMENTS)} experiments with {len(SEEDS)} seeds each, evaluated on "
        "20 held-out subjects; snakemake --dry-run --profile profiles/local, all its processes"
    )
    title = f"dry run of a study of {subjects} subjects"
    seconds = used.ru_utime + used.ru_stime
    return [
        Row(f"{title}, processor time", seconds, None, None, "s (less is better)", how),
        Row(f"{title}, peak memory", used.ru_maxrss / 1e3, None, None, "MB (less is better)", how),
    ]


def rows_of_start() -> list[Row]:
    """Measure what a rank reads before it begins."""
    said = subprocess.run(
        [sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True
    )
    files, size = json.loads(said.stdout)
    how = (
        "compiled modules and shared libraries that `synaxial train` has imported; each rank reads "
        "them, on a node from the second rank on out of its page cache: 64 ranks on 8 nodes read "
        "eight times as much from a shared file system"
    )
    return [
        Row("start of a rank, files read", files, None, None, "files", how),
        Row("start of a rank, size of the files", size / 1e6, None, None, "MB", how),
    ]


def rows_of_memory(place: Path) -> list[Row]:
    """Measure a rank's memory beside its data set, and the size of a checkpoint."""
    rows = []
    for training, name in ((paper(), "paper's networks"), (coarse(), "coarse networks")):
        for subjects in SUBJECTS:
            study = write_study(place / f"{training.architecture}-{subjects}", training)
            images = np.lib.format.open_memmap(
                study / "images.npy", "w+", np.uint8, (subjects * SLICES, 256, 256)
            )
            size = images.nbytes
            del images
            with start_ours(study, 1) as ours:
                ours.ask("step", count=3)
                used = ours.ask("anonymous")
                checkpoint = ours.ask("checkpoint", output=str(study / "checkpoint.npz"))
            how = (
                f"one rank's memory that is not files (RssAnon), after three iterations of batch "
                f"{training.batch_size}; the data set of {subjects * SLICES} images, "
                f"{size / 1e9:.1f} GB, is mapped and shared by the ranks of a node"
            )
            rows.append(
                Row(
                    f"memory of a rank, {name}, {subjects} subjects",
                    *(used / 1e6, None, None, "MB (less is better)", how),
                )
            )
        how = "networks and optimizers, uncompressed; the same on any number of subjects and ranks"
        rows.append(
            Row(f"checkpoint, {name}", checkpoint / 1e6, None, None, "MB (less is better)", how)
        )
    return rows


def main() -> None:
    """Measure and print, as a check of this part alone."""
    for row in measure():
        print(f"{row.name}: {row.ours:.4g} {row.unit}; {row.how}")


if __name__ == "__main__":
    main()
