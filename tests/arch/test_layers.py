"""Arrows point one way: which part of the house may know which."""

import pytest

from tests.arch import source

KNOWS = {
    "errors": "",
    "memory": "",
    "settings": "",
    "clock": "",
    "domain": "errors",
    "tables": "domain clock",
    "db": "errors settings",
    "i18n": "errors settings",
    "gateways": "domain errors settings",
    "services": "domain tables gateways db clock i18n errors settings",
    "workflows": "services clock settings errors",
    "web": "services workflows i18n clock errors settings",
    "cli": "services workflows migrations db clock errors settings",
    "ui": "services i18n domain errors settings",
    "simulator": "",
    "migrations": "tables db",
    "frontend": "settings",
    "launch": "frontend settings",
    "demo": "",
    "__main__": "cli",
    "pecapp": "ui web workflows services gateways db i18n clock memory errors settings",
}


def forbidden_arrows(module: source.Module) -> list[str]:
    if module.part == "":
        return [module.at(node, "the package itself is empty") for node in module.tree.body]
    if module.part not in KNOWS:
        return [f"{module.name}: no room {module.part!r} in the house: give it a row in KNOWS"]
    allowed = {module.part, *KNOWS[module.part].split()} - {"pecapp"}
    return [
        module.at(node, f"{module.part} may not import {name}")
        for node, name in source.own_imports(module.tree)
        if [*name.split("."), ""][1] not in allowed
    ]


def hidden_imports(module: source.Module) -> list[str]:
    return [
        module.at(node, f"{function.name}() hides an import of {name}")
        for function in source.functions(module.tree)
        for node, name in source.own_imports(function)
    ]


@pytest.mark.parametrize("rule", [forbidden_arrows, hidden_imports])
def test_the_house_keeps_its_arrows(rule) -> None:
    assert [problem for module in source.modules() for problem in rule(module)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pecapp.ui.pages.home", "from pecapp import tables"),
        ("pecapp.ui.pages.home", "import pecapp.db"),
        ("pecapp.domain.orders", "from pecapp.services.checkout import pay"),
        ("pecapp.simulator.app", "from pecapp.gateways import stripe"),
        ("pecapp.web.routes", "from pecapp import pecapp"),
        ("pecapp.cli", "import pecapp"),
        ("pecapp.drawer.things", ""),
        ("pecapp", "from pecapp import db"),
    ],
)
def test_a_forbidden_arrow_is_seen(name: str, text: str) -> None:
    assert forbidden_arrows(source.parsed(name, text))


def test_a_hidden_import_is_seen() -> None:
    text = "def pay():\n    if True:\n        from pecapp.gateways import stripe\n"
    assert hidden_imports(source.parsed("pecapp.services.checkout", text))
