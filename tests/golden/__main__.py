"""`python -m tests.golden`: record the results of the stages whose VERSION was raised.

With `--inputs` the inputs of all stages are made anew first, which a change of a format needs;
then the results of all are recorded.
"""

import json
import sys
import tempfile
from pathlib import Path

from .stages import STAGES, judge, record_of, results_of, version_of


def as_text(record: dict) -> str:
    """Return JSON with a line for each file."""
    files = (
        f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in record["results"].items()
    )
    return f'{{"version": {record["version"]}, "results": {{\n' + ",\n".join(files) + "\n}}\n"


def main() -> None:
    anew = "--inputs" in sys.argv
    if anew:
        from .inputs import make_inputs

        with tempfile.TemporaryDirectory() as folder:
            make_inputs(Path(folder))
    mistakes = []
    for name in STAGES:
        path = record_of(name)
        version = version_of(name)
        with tempfile.TemporaryDirectory() as folder:
            results = results_of(name, Path(folder).resolve())
        known = json.loads(path.read_text()) if path.exists() and not anew else None
        if known and known["version"] == version:
            mistake = judge(name, known, results, version)
            if mistake:
                mistakes.append(mistake)
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(as_text({"version": version, "results": results}))
        print(f"recorded synaxial {name}, version {version}")
    if mistakes:
        sys.exit("\n".join(mistakes))


if __name__ == "__main__":
    main()
