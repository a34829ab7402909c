"""The product's own source, parsed, for the rules of the house."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """One module: its dotted name, its text and its tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def part(self) -> str:
        """The room of the house it belongs to: `services` for pecapp.services.payments."""
        return [*self.name.split("."), ""][1]

    def at(self, node: ast.AST, problem: str) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 1)}: {problem}"


def parsed(name: str, text: str) -> Module:
    """A module of that name and text."""
    return Module(name, text, ast.parse(text))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the product."""
    found = []
    for file in sorted((ROOT / "pecapp").rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found.append(parsed(name, file.read_text()))
    return tuple(found)


def product() -> tuple[Module, ...]:
    """Every module but the simulator's, which stands for somebody else's product."""
    return tuple(module for module in modules() if module.part != "simulator")


def own_imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Each import of the product's own code: the statement and the dotted name of what it takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            taken = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            taken = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in taken:
            if name.split(".")[0] == "pecapp":
                yield node, name


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(node: ast.AST) -> str:
    """`rx.event` for the expression rx.event or rx.event(...); empty for anything else than a dotted name."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
