"""What a run of the workflow makes."""

import ast

from synaxial.cli import COMMANDS, source_of


def version_of(command: str) -> int:
    """Return the `VERSION` of a command's module, read from its source.

    It is a parameter of the command's rule, so that a new version runs the rule again.
    """
    for node in source_of(COMMANDS[command]).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "VERSION" for target in targets):
                return int(ast.literal_eval(node.value))
    return 1
