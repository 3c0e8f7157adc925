"""The public names of CuPy, from `names.txt`, and the parameters of its functions."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

#: `cupy.sum(a, axis, dtype, out, keepdims)`, `cupy.sqrt ufunc`, `cupy.pi`.
LINE = re.compile(r"(?P<owner>[\w.]+)\.(?P<name>\w+)(?:\((?P<parameters>.*)\)| (?P<ufunc>ufunc))?$")

#: The parameters of CuPy's ufuncs beside arrays; they have no `where`.
OF_UFUNCS = {"out", "dtype", "casting"}


@cache
def read_names():
    """Return CuPy's version, and what is known of each name of each module or class."""
    version, *lines = (Path(__file__).parents[1] / "names.txt").read_text().splitlines()
    names = defaultdict(dict)
    for line in lines:
        found = LINE.match(line)
        kind = "ufunc" if found["ufunc"] else found["parameters"]
        names[found["owner"]][found["name"]] = kind
    return version.removeprefix("cupy "), dict(names)


def look_up(owner, name):
    """Return what is known of a name: its parameters, `ufunc`, or None; else an AttributeError."""
    version, names = read_names()
    if name not in names[owner]:
        raise AttributeError(
            f"{owner!r} has no attribute {name!r} (the stand-in has the names of CuPy {version})"
        )
    return names[owner][name]


def refuse(owner, name):
    """Raise an error for what CuPy has and the stand-in does not."""
    look_up(owner, name)
    raise NotImplementedError(f"the stand-in for CuPy has no {owner}.{name}")


def check_arguments(owner, name, args, kwargs):
    """Raise a TypeError if CuPy's function does not take these arguments."""
    known = look_up(owner, name)
    if known is None:
        return
    if known == "ufunc":
        allowed, most = OF_UFUNCS, len(args)
    else:
        parameters = known.split(", ") if known else []
        starred = any(p.startswith("*") and not p.startswith("**") for p in parameters)
        most = len(args) if starred else len(parameters)
        allowed = {p.lstrip("*") for p in parameters}
        if any(p.startswith("**") for p in parameters):
            allowed = {*allowed, *kwargs}
    wrong = [key for key in kwargs if key not in allowed]
    if wrong or len(args) > most:
        raise TypeError(f"{owner}.{name}({known}) does not take {wrong or list(args)}")
