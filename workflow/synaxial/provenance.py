"""What code a stage is made of, so that a stage runs again when its own code has changed."""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "synaxial"

FOLDER = Path(__file__).parent


def digest_of_code(module: str) -> str:
    """Return a SHA-256 over a module of this package and all of the package that it imports.

    Comments, docstrings and layout do not count, so that rewording runs nothing again. Nor does
    the configuration's code: what it gives a stage is in the settings that the stage reads.
    """
    digest = hashlib.sha256()
    for name in sorted(reachable_modules(module)):
        if name.startswith(f"{PACKAGE}.config"):
            continue
        digest.update(f"{name}\n{code_of(name)}\n".encode())
    return digest.hexdigest()[:16]


def reachable_modules(module: str) -> set[str]:
    """Return the module and all modules of this package that it imports, directly or not."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(imports_of(name))
    return found


@cache
def imports_of(module: str) -> frozenset[str]:
    """Return the modules of this package that a module's source imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source_of(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    inside = {name for name in names if name.split(".")[0] == PACKAGE and is_module(name)}
    return frozenset(inside)


def is_module(name: str) -> bool:
    """Tell whether a dotted name is a module of this package, rather than something in one."""
    return file_of(name) is not None


def file_of(module: str) -> Path | None:
    """Return the source file of a module of this package; None if it is no such module.

    By the names of files, not by import: the modules import Chainer, pandas and more, which
    would be seconds at every start of Snakemake.
    """
    path = FOLDER.joinpath(*module.split(".")[1:])
    candidates = [path / "__init__.py", path.with_suffix(".py")]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


@cache
def source_of(module: str) -> str:
    """Return a module's source."""
    file = file_of(module)
    if file is None:
        raise ModuleNotFoundError(f"no source of {module}")
    return file.read_text(encoding="utf-8")


@cache
def code_of(module: str) -> str:
    """Return a module's syntax tree as text, without docstrings."""
    tree = ast.parse(source_of(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:]
    return ast.dump(tree)
