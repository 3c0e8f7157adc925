"""A small training's files, and databases to load them into: SQLite, and a real PostgreSQL."""

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from synaxial.data.dataset.reading import COLUMNS
from synaxial.evaluation.measurements import with_digests, write_measurements
from synaxial.evaluation.metrics import anatomy, memorisation
from synaxial.io.files import sha256_of
from synaxial.io.images import digest_of_pixels
from synaxial.io.stacks import write_stack

SIDE = 64
STACK = 5
POSTGRES = Path("/usr/lib/postgresql")


def required(why):
    """What a test needs is missing: that fails where all must run, and skips elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def head(random, tumour=None, radius=5):
    """A grey disc with a brighter spot at (row, column), uint8 (SIDE, SIDE)."""
    row, column = np.indices((SIDE, SIDE)) - SIDE // 2
    brain = row**2 + column**2 < 24**2
    image = brain * (100 + random.normal(0, 6, (SIDE, SIDE)))
    if tumour is not None:
        image[(row - tumour[0]) ** 2 + (column - tumour[1]) ** 2 < radius**2] = 220
    return np.clip(image, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Files:
    """The files of a training, as the stages before write them."""

    folder: Path

    @property
    def stacks(self):
        return [self.folder / f"stack_{number}.tif" for number in range(2)]

    def arguments(self, url):
        """What `synaxial catalogue load` is given."""
        return [
            *("--run", self.folder / "run.json"),
            *("--measurements", self.folder / "measurements.npz"),
            *("--reference", self.folder / "reference.npz"),
            *("--training", self.folder / "dataset"),
            *("--url", url, *self.stacks),
        ]


def measured(pixels, groups, training, seed):
    """Measurements as `measure_set` makes them, with small features in place of a network's."""
    features = np.random.default_rng(seed).normal(size=(len(pixels), 4)).astype(np.float32)
    return {
        "set": {"groups": groups},
        "memorisation": memorisation.measure(pixels, training),
        "anatomy": anatomy.measure(pixels),
        "efficientnet_lite0": {"features": features},
    }


def make_files(folder, experiment="small", seed=1, pixels_seed=0, spots=True):
    """Write a training's files: two stacks of five images, of which one is a training image."""
    random = np.random.default_rng(pixels_seed)
    training = np.stack([head(np.random.default_rng(100 + n), (6, 4 * n - 12)) for n in range(8)])
    real = np.stack([head(np.random.default_rng(200 + n), (-9, 3 * n - 14)) for n in range(10)])
    made = np.stack(
        [
            head(random, (3 * n - 12, 14 - 3 * n) if spots and n else None, 5 + n / 4)
            for n in range(2 * STACK)
        ]
    )
    made[7] = training[3]
    generator = f"{pixels_seed:064x}"
    (folder / "dataset").mkdir(parents=True)
    np.save(folder / "dataset" / "images.npy", training)
    rows = [
        f"{n},subject_{n // 4},person_{n // 4},{60 + n % 4},{60 + n % 4}.0,9,9.0,0.5"
        for n in range(8)
    ]
    (folder / "dataset" / "index.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    dataset = sha256_of(folder / "dataset" / "images.npy")
    files = Files(folder)
    for number, path in enumerate(files.stacks):
        pages = made[number * STACK : (number + 1) * STACK]
        known = {"generated": True, "generator": generator, "seed": 7, "stack": number}
        write_stack(
            path,
            np.repeat(pages[..., None], 3, axis=3),
            [{**known, "image": image} for image in range(STACK)],
        )
    for name, pixels, groups in (
        ("measurements", made, np.arange(2 * STACK)),
        ("reference", real, np.arange(10) // 2),
    ):
        digests = (digest_of_pixels(pixels), digest_of_pixels(real), dataset)
        found = with_digests(measured(pixels, groups, training, len(name)), *digests)
        write_measurements(folder / f"{name}.npz", found)
    run = {
        "experiment": experiment,
        "settings": {"seeds": [seed], "epochs": 3},
        "fingerprint": f"{pixels_seed:016x}",
        "digests": {"generator": generator},
        "git_commit": "0" * 40,
        "training_seconds": 1.5,
    }
    (folder / "run.json").write_text(json.dumps(run))
    return files


@pytest.fixture
def files(tmp_path):
    return make_files(tmp_path / "files")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def as_user(command):
    """A command as PostgreSQL runs it: never as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """A real server on a free loopback port; gives the URL of its database without a name."""
    programs = sorted(POSTGRES.glob("*/bin/initdb"))
    initdb = str(programs[-1]) if programs else shutil.which("initdb")
    if initdb is None:
        required("PostgreSQL is not installed (Debian: apt install postgresql)")
    # Not in pytest's folder, which only its own user may enter.
    made = subprocess.run(
        as_user(["mktemp", "-d", "/tmp/synaxial-postgresql-XXXXXX"]),
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(made.stdout.strip())
    port = free_port()
    control = str(Path(initdb).with_name("pg_ctl"))
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
    try:
        subprocess.run(
            as_user([initdb, "-D", f"{folder}/data", "-A", "trust", "-U", "tester", "-N"]),
            capture_output=True,
            check=True,
            cwd="/",
        )
        subprocess.run(
            as_user(
                [
                    control,
                    "-D",
                    f"{folder}/data",
                    "-o",
                    options,
                    "-l",
                    f"{folder}/log",
                    "-w",
                    "start",
                ]
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            cwd="/",
        )
        yield f"postgresql://tester@127.0.0.1:{port}"
    finally:
        subprocess.run(
            as_user([control, "-D", f"{folder}/data", "-m", "immediate", "-w", "stop"]),
            capture_output=True,
            check=False,
            cwd="/",
        )
        subprocess.run(as_user(["rm", "-rf", str(folder)]), check=False, cwd="/")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request, tmp_path):
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalogue.sqlite"
    import psycopg

    server = request.getfixturevalue("postgresql")
    name = f"c{abs(hash(str(tmp_path))):x}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"
