"""The process of one step: NAME TITLE MODULE:FUNCTION DEVICE FOLDER.

It writes result.json into the folder.
"""

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

from synaxial.studies.gpu_check.results import CheckFailedError, Findings, NotRunError
from synaxial.studies.gpu_check.setting import Setting

log = logging.getLogger(__name__)

#: The longest reason, in characters. Compilers of kernels write pages.
LONGEST_REASON = 300


def run(function: Any, setting: Setting, findings: Findings) -> None:
    """Call the function of a step; what it raises becomes the result."""
    try:
        function(setting, findings)
    except NotRunError as error:
        findings.end("not run", str(error))
    except CheckFailedError as error:
        findings.end("failed", str(error))
    except Exception as error:
        log.exception("the step has failed")
        words = " ".join(f"{type(error).__name__}: {error}".split())
        findings.end("failed", words[:LONGEST_REASON])
    else:
        findings.end("passed")


def main() -> None:
    """Run the step of the command line."""
    name, title, place, device, folder = sys.argv[1:]
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    findings = Findings(Path(folder, "result.json"), name, title)
    module, _, function = place.partition(":")
    setting = Setting("gpu" if device == "gpu" else "cpu", Path(folder))
    try:
        loaded = getattr(importlib.import_module(module), function)
    except Exception as error:
        log.exception("%s cannot be imported", module)
        findings.end("failed", f"{module} cannot be imported: {error}"[:LONGEST_REASON])
    else:
        run(loaded, setting, findings)


if __name__ == "__main__":
    main()
