"""The packages and who imports whom, as a picture for docs/design.md.

python -m tools.packages            # writes the diagrams of docs/design.md, as Mermaid
python -m tools.packages --check    # exit code 1 if they are not current
python -m tools.packages --svg FILE # one picture of all rooms; needs Graphviz
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "design.md"
_BLOCK = re.compile(r"(<!-- imports of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Graph = dict[str, set[str]]


@cache
def modules() -> dict[str, Path]:
    """Return the file of every module of the distribution, by its dotted name."""
    found = {}
    for package in sorted(path.parent for path in ROOT.glob("lpsr*/__init__.py")):
        for path in sorted(package.rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports() -> Graph:
    """Return what every module imports of the distribution, at any depth of its code."""
    return {name: {*_imported(name)} - {name} for name in modules()}


@cache
def _imported(module: str) -> frozenset[str]:
    return frozenset(_read_imports(modules()[module]))


def _read_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules() else node.module for name in names if node.module in modules())


def room(module: str) -> str:
    """Return the folder that a module belongs to, `lpsr_run.sinks`; the module itself at the top of a package."""
    package, _, rest = module.partition(".")
    name = f"{package}.{rest.partition('.')[0]}" if rest else package
    return name if modules()[name].name == "__init__.py" else module


def package(module: str) -> str:
    """Return the package that a module belongs to."""
    return module.partition(".")[0]


def folded(graph: Mapping[str, set[str]], by: Mapping[str, str]) -> Graph:
    """Fold nodes into groups.

    Args:
        graph: what each node points to.
        by: the group of each node; nodes without one are left out.
    """
    groups: Graph = {group: set() for group in by.values()}
    for source, targets in graph.items():
        if source in by:
            groups[by[source]] |= {by[target] for target in targets if target in by} - {by[source]}
    return groups


def packages() -> Graph:
    """Return what the packages import of each other."""
    return folded(imports(), {name: package(name) for name in modules()})


def rooms(of: str) -> Graph:
    """Return what the rooms of a package import of each other.

    Modules at the top of the package that stand for the whole (`__init__`, `__main__`) are left out.
    """
    inside = [name for name in modules() if package(name) == of and name not in (of, f"{of}.__main__")]
    return folded(imports(), {name: room(name) for name in inside})


def mermaid(graph: Graph) -> str:
    """Return a graph as a Mermaid diagram, its nodes by their last names."""
    lines = ["```mermaid", "flowchart TD"]
    for node, targets in sorted(graph.items()):
        names = " & ".join(target.rpartition(".")[2] for target in sorted(targets))
        lines.append(f"    {node.rpartition('.')[2]}{' --> ' if names else ''}{names}")
    return "\n".join([*lines, "```", ""])


def dot() -> str:
    """Return all rooms in their packages, in Graphviz's language."""
    every = {name: room(name) for name in modules() if not name.endswith("__main__")}
    graph = folded(imports(), every)
    lines = ["digraph lpsr {", "rankdir=TB; node [shape=box, fontname=Helvetica, fontsize=10]; compound=true;"]
    for name in packages():
        inside = "; ".join(f'"{node}" [label="{node.rpartition(".")[2]}"]' for node in graph if package(node) == name)
        lines.append(f'subgraph "cluster_{name}" {{ label="{name}"; {inside} }}')
    lines += [f'"{node}" -> "{target}";' for node, targets in graph.items() for target in sorted(targets)]
    return "\n".join([*lines, "}"])


def page() -> str:
    """Return docs/design.md with its diagrams made anew."""

    def block(match: re.Match[str]) -> str:
        graph = packages() if match[2] == "packages" else rooms(match[2])
        return f"{match[1]}\n{mermaid(graph)}\n{match[3]}"

    return _BLOCK.sub(block, PAGE.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Draws who imports whom.", allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit code 1 if the page is not current.")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="Draw all rooms with Graphviz, and leave the page.")
    options = parser.parse_args()
    if options.svg:
        program = shutil.which("dot")
        if program is None:
            print("error: --svg needs Graphviz's program `dot`; install graphviz", file=sys.stderr)
            return 1
        subprocess.run([program, "-Tsvg", "-o", str(options.svg)], input=dot(), text=True, check=True)
        return 0
    current = page()
    if options.check:
        if current != PAGE.read_text(encoding="utf-8"):
            print(f"error: {PAGE}: the diagrams are not current; run: python -m tools.packages", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
