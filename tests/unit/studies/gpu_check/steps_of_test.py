"""Steps that pass, fail, crash and hang; each runs in a process of its own."""

import os
import subprocess
import sys
import time

from synaxial.studies.gpu_check.results import CheckFailedError, NotRunError


def passes(setting, findings):
    findings.note("it was here", number=1.5, undefined=float("nan"), several=[1, float("inf")])


def fails(setting, findings):
    raise CheckFailedError("too far from the CPU")


def raises(setting, findings):
    raise ValueError("a mistake of the step")


def says_its_environment(setting, findings):
    names = ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE")
    findings.note("", **{name: os.environ.get(name, "unset") for name in names})


def is_not_run(setting, findings):
    raise NotRunError("there is one GPU")


def crashes(setting, findings):
    findings.note("before the crash")
    os.abort()


def hangs(setting, findings):
    """Hang, with a process of its own that would outlive it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    findings.note("before the hanging", child=child.pid, step=os.getpid())
    print(f"hanging {os.getpid()} {child.pid}", flush=True)
    time.sleep(300)
