"""What is imported is pinned, and what is pinned is what runs."""

import ast
import re
import sys
from importlib import metadata

from tests.arch import source

PIN = re.compile(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)$")


def pins(text: str) -> dict[str, str]:
    """The version by package name (lower case, dashes)."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    loose = [line for line in lines if not PIN.match(line)]
    assert not loose, f"not pinned to one version: {loose}"
    return {_plain(found[1]): found[2] for line in lines if (found := PIN.match(line))}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(text: str) -> set[str]:
    """The outermost names that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"pecapp", "tests", "bench"}


def unpinned(names: set[str], pinned: set[str]) -> set[str]:
    homes = metadata.packages_distributions()
    return {name for name in names if not {_plain(home) for home in homes.get(name, [])} & pinned}


def test_every_imported_package_is_pinned() -> None:
    pinned = pins((source.ROOT / "requirements.txt").read_text())
    files = [
        source.ROOT / "rxconfig.py",
        *(f for d in ("pecapp", "tests", "bench") for f in (source.ROOT / d).rglob("*.py")),
    ]
    assert unpinned(set().union(*(imported(file.read_text()) for file in files)), set(pinned)) == set()


def test_the_pinned_versions_are_the_installed_ones() -> None:
    pinned = pins((source.ROOT / "requirements.txt").read_text())
    assert {name: metadata.version(name) for name in pinned} == pinned


def test_an_unpinned_import_is_seen() -> None:
    assert unpinned(imported("import click\nfrom starlette import routing\nimport os"), {"starlette"}) == {"click"}
