"""Write `stand_in/names.txt`: the public names of CuPy, for the stand-in to know.

It needs CuPy and its CUDA libraries (envs/cuda12.txt), but no GPU:

    python tests/gpu/list_names.py
"""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

MODULES = [
    *("cupy", "cupy.random", "cupy.linalg", "cupy.lib.stride_tricks"),
    *("cupy.cuda", "cupy.cuda.runtime", "cupy.cuda.nccl", "cupy.cuda.nvtx"),
    *("cupyx", "cupyx.scipy.linalg", "cupyx.scipy.ndimage", "cupyx.scipy.special"),
]
CLASSES = ["cupy.ndarray", "cupy.random.Generator", "cupy.cuda.Device", "cupy.cuda.MemoryPool"]

#: The first line of a docstring that Cython writes: a signature.
SIGNATURE = re.compile(r"^(?:\w+\.)?\w+\((?P<parameters>.*?)\)(?: ->.*)?$")


def parameters_of(thing: Any) -> list[str] | None:
    """Return the names of a function's parameters, with stars; None without a signature."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        first = (thing.__doc__ or "").partition("\n")[0]
        found = SIGNATURE.match(first)
        if found is None:
            return None
        names = (part.partition("=")[0].split()[-1:] for part in found["parameters"].split(","))
        return [name[0].lstrip("\\") for name in names if name and name[0] not in "/\\*"]
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(parameter.kind, "") + parameter.name for parameter in parameters]


def describe(owner: str, name: str, thing: Any) -> str:
    """Return the line of a name."""
    if type(thing).__name__ in {"ufunc", "_GUFunc"}:
        return f"{owner}.{name} ufunc"
    parameters = parameters_of(thing) if callable(thing) else None
    if parameters is None or inspect.isclass(thing):
        return f"{owner}.{name}"
    return f"{owner}.{name}({', '.join(p for p in parameters if p != 'self')})"


def main() -> None:
    """Write the list."""
    lines = [f"cupy {importlib.import_module('cupy').__version__}"]
    for module in MODULES:
        owner = importlib.import_module(module)
        for name in sorted(set(dir(owner))):
            # The runtime has hundreds of constants.
            if not name.startswith(("_", "cuda", "CUDA_")) or name == "cuda":
                lines.append(describe(module, name, getattr(owner, name)))
    for path in CLASSES:
        module, _, name = path.rpartition(".")
        owner = getattr(importlib.import_module(module), name)
        for member in sorted(dir(owner)):
            if not member.startswith("_"):
                lines.append(describe(path, member, getattr(owner, member)))
    target = Path(__file__).parent / "stand_in" / "names.txt"
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
