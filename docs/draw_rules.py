"""Draw docs/rulegraph.svg: the rules of a run without a target, without settings and report pages.

`make rulegraph` gives it the output of `snakemake --rulegraph dot` as standard input. It needs
Graphviz (Debian: graphviz).
"""

import re
import subprocess
import sys
from pathlib import Path

#: Rules that are not part of the method.
HIDDEN = re.compile(r"all|settings|experiment|resolved_configuration|manifest|report_.*")

#: Rules that are drawn as one, because they run the same command.
SAME = {"pack_held_out": "pack"}

STYLE = (
    'graph [rankdir=LR, bgcolor=white, nodesep=0.25, ranksep=0.35]; edge [color="#64748b"];'
    'node [shape=box, style="rounded,filled", fillcolor="#e2e8f0", color="#475569",'
    " fontname=sans, fontsize=13];"
)


def draw(rulegraph: str) -> str:
    """Return a rule graph in the dot language with the rules of the method only."""
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', rulegraph))
    shown = {k: SAME.get(v, v) for k, v in names.items() if not HIDDEN.fullmatch(v)}
    edges = {
        (shown[a], shown[b])
        for a, b in re.findall(r"(\d+) -> (\d+)", rulegraph)
        if a in shown and b in shown and shown[a] != shown[b]
    }
    lines = [f"{a} -> {b};" for a, b in sorted(edges)]
    return f"digraph rules {{ {STYLE} {' '.join(lines)} }}"


if __name__ == "__main__":
    reduced = subprocess.run(
        ["tred"], input=draw(sys.stdin.read()), capture_output=True, text=True, check=True
    ).stdout
    target = Path(__file__).with_name("rulegraph.svg")
    subprocess.run(["dot", "-Tsvg", "-o", target], input=reduced, text=True, check=True)
