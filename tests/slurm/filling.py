"""profiles/slurm with its head filled in, as a cluster's user does."""

import re
from pathlib import Path

PROFILE = Path(__file__).parents[2] / "profiles" / "slurm" / "config.yaml"


def fill_in(**values: object) -> str:
    """Return the profile with these values in place of those at its head."""
    text = PROFILE.read_text()
    for name, value in values.items():
        lines = re.findall(rf"^  - {name} = .*$", text, flags=re.MULTILINE)
        assert len(lines) == 1, name
        text = text.replace(lines[0], f"  - {name} = {value!r}")
    return text
