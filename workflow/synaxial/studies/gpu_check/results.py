"""What the check finds: the results of its steps, gpu-check.json, and the table."""

import math
import textwrap
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel

from synaxial.io.files import write_json

Device = Literal["gpu", "cpu"]
Status = Literal["passed", "failed", "not run", "no time", "not measured"]

#: What a step is for: to prove that a device computes right, or to measure its speed.
Kind = Literal["proof", "speed"]

#: The most characters of a status.
STATUS_WIDTH = max(map(len, get_args(Status)))

#: The beginning of a table, which says what it proves.
PROVES: dict[Device, str] = {
    "gpu": "The device is a GPU. The CPU is the reference.",
    "cpu": "The device is the CPU, with small networks, compared with itself. This proves that "
    "the check runs. It proves nothing about a GPU.",
}

#: Characters of a line of the table, and of a reason in its last lines.
WIDTH, SHOWN_REASON = 100, 80

GIB = 1 << 30


class StepResult(BaseModel):
    """The result of one step.

    Attributes
    ----------
    status
        `not run`: it is not possible here. `no time`: the minutes of all steps were over before it
        ended. A step of the kind `speed` that did not end is `not measured`.
    found
        What was found, in words.
    measured
        The numbers behind it, by names that end in the unit if there is one. Numbers that are not
        finite are texts.
    reason
        Why the step has failed or was not run.
    seconds
        Wall time, with the start of the process.
    """

    name: str
    title: str
    kind: Kind = "proof"
    status: Status
    reason: str = ""
    found: list[str] = []
    measured: dict[str, Any] = {}
    seconds: float = 0.0


class GpuCheck(BaseModel):
    """The content of gpu-check.json. A check that was killed is not `finished`.

    `host` is the name of the node, `started` the time in UTC.
    """

    device: Device
    proves: str
    minutes: float
    host: str = ""
    started: str = ""
    finished: bool = False
    seconds: float = 0.0
    steps: list[StepResult] = []

    @property
    def failed(self) -> list[StepResult]:
        """The steps that have failed."""
        return [step for step in self.steps if step.status == "failed"]

    @property
    def unproven(self) -> list[StepResult]:
        """The steps that had no time and prove something."""
        return [step for step in self.steps if step.status == "no time"]


class CheckFailedError(Exception):
    """What a step compares differs by more than it may."""


class NotRunError(Exception):
    """A step cannot run here; the message says why."""


class Findings:
    """The result of a running step, which is on the disk after each finding.

    So a step that is killed leaves what it has found.
    """

    def __init__(self, path: Path, name: str, title: str) -> None:
        self.path = path
        self.result = StepResult(
            name=name, title=title, status="failed", reason="its process ended before its end"
        )
        self.write()

    def note(self, sentence: str, **measured: Any) -> None:
        """Add a finding in words, and what was measured.

        That is Python numbers, texts, and lists and dictionaries of them. A number that a step
        judges has its limit beside it.
        """
        if sentence:
            self.result.found.append(sentence)
        self.result.measured |= {name: finite(value) for name, value in measured.items()}
        self.write()

    def end(self, status: Status, reason: str = "") -> None:
        """Set how the step has ended."""
        self.result.status, self.result.reason = status, reason
        self.write()

    def write(self) -> None:
        """Write the result."""
        write_json(self.path, self.result.model_dump(mode="json"))


def finite(value: Any) -> Any:
    """Return a value in which numbers that are not finite are texts, for JSON has none."""
    if isinstance(value, list):
        return [finite(one) for one in value]
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def table_of(check: GpuCheck) -> str:
    """Return the table of all steps, and the verdict."""
    lines = [*textwrap.wrap(check.proves, WIDTH), ""]
    if check.host:
        lines[-1:] = [f"{check.host}, {check.started}", ""]
    width = max((len(step.title) for step in check.steps), default=0)
    indent = " " * (width + STATUS_WIDTH + 13)
    for step in check.steps:
        parts = [step.reason] if step.reason else []
        text = "; ".join([*parts, *step.found]) or "-"
        head = f"{step.title:{width}}  {step.status:{STATUS_WIDTH}}  {step.seconds:5.0f} s  "
        lines += textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=indent)
    return "\n".join([*lines, "", *textwrap.wrap(verdict_of(check), WIDTH), ""])


def verdict_of(check: GpuCheck) -> str:
    """Return what passed, what failed, and what was not checked and why."""
    passed = [step for step in check.steps if step.status == "passed"]
    parts = [f"Passed: {len(passed)} of {len(check.steps)} steps, in {check.seconds:.0f} s."]
    if check.failed:
        parts.append(f"Failed: {', '.join(step.title for step in check.failed)}.")
    unchecked: dict[str, list[str]] = {}
    for step in check.steps:
        if step.status not in {"passed", "failed"}:
            unchecked.setdefault(step.reason, []).append(step.title)
    if unchecked:
        named = [
            f"{', '.join(titles)} ({textwrap.shorten(reason, SHOWN_REASON, placeholder=' …')})"
            for reason, titles in unchecked.items()
        ]
        parts.append(f"Not checked: {'; '.join(named)}.")
    if check.unproven:
        parts.append("Give more --minutes.")
    return " ".join(parts)
