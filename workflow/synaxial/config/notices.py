"""The lines that a run prints before it starts."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def notices(
    files: Sequence[str | Path], overrides: Mapping[str, Any], environment: Mapping[str, str]
) -> list[str]:
    """Return one line for each thing that a user of a run may not expect.

    Parameters
    ----------
    files
        The files given by `--configfile`; without one, the study is `config.yaml`.
    overrides
        The keys given by `--config`.
    environment
        The environment variables.
    """
    lines = []
    names = [os.path.relpath(file) for file in files]
    if names:
        merged = "".join(f", with the keys of {name} merged into it" for name in names[1:])
        unread = "" if "config.yaml" in names else "; config.yaml is not read"
        lines.append(f"The study is {names[0]}{merged}{unread}.")
    if overrides:
        lines.append(f"--config changes {', '.join(_dotted(overrides))}.")
    if environment.get("PYTHONPATH"):
        lines.append(
            f"Warning: PYTHONPATH={environment['PYTHONPATH']} comes before the installed packages; "
            "unset it if other versions may be there."
        )
    return lines


def _dotted(keys: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the names of all values, such as `training.epochs`."""
    for name, value in keys.items():
        if isinstance(value, Mapping) and value:
            yield from _dotted(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"
