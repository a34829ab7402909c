"""The rules of money and of the browser's edge that one can read from the source."""

import ast

import pytest

from tests.arch import source

STATUS_OWNERS = {
    "Order": "pecapp.services.lifecycle",
    "PaymentAttempt": "pecapp.services.settlement",
    "Service": "pecapp.services.subscriptions",
}
CALLED = {"order": "Order", "attempt": "PaymentAttempt", "service": "Service"}
"""What a variable that holds such a row is called."""
READERS_OF_THE_ENVIRONMENT = {"settings", "frontend", "launch", "simulator"}
FUNCTION_LINES = 60


def commits(module: source.Module) -> list[str]:
    return [
        module.at(node, "commits")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def foreign_status_writes(module: source.Module) -> list[str]:
    """Where this module writes the status of a table whose status is another module's."""
    known = _named_tables(module.tree)
    found = []
    for node in ast.walk(module.tree):
        table = ""
        if isinstance(node, ast.Attribute) and node.attr == "status" and isinstance(node.ctx, ast.Store):
            table = CALLED.get(source.dotted(node.value).rpartition(".")[2], "")
        elif isinstance(node, ast.Call) and _may_write_status(node):
            table = _written_table(node, known)
        if table and STATUS_OWNERS[table] != module.name:
            found.append(module.at(node, f"writes {table}.status, which {STATUS_OWNERS[table]} owns"))
    return found


def _named_tables(tree: ast.Module) -> dict[str, str]:
    """Module-level names that stand for a guarded table, or for an update of one: `ORDER = db.table(tables.Order)`."""
    known = {f"tables.{table}": table for table in STATUS_OWNERS}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            table = next((known[name] for name in _mentions(statement.value) if name in known), "")
            is_row_source = source.dotted(statement.value).split(".")[0] in {"db", "tables", "update", *known}
            if table and (is_row_source or _update_of(statement.value, known)):
                known[statement.targets[0].id] = table
    return known


def _mentions(node: ast.AST) -> list[str]:
    return [name for inner in ast.walk(node) if (name := source.dotted(inner))]


def _update_of(node: ast.AST, known: dict[str, str]) -> str:
    """The guarded table that a chain such as update(ORDER).where(...).values(...) begins with, or empty."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call) and source.dotted(node.func).rpartition(".")[2] == "update" and node.args:
            return known.get(source.dotted(node.args[0]), "")
        node = node.func if isinstance(node, ast.Call) else node.value
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def _may_write_status(call: ast.Call) -> bool:
    """A keyword `status`, a dictionary with that key, or a dictionary that cannot be looked into."""
    inside = [inner for argument in call.args for inner in ast.walk(argument)]
    return any(keyword.arg in {"status", None} for keyword in call.keywords) or any(
        isinstance(inner, ast.Constant) and inner.value == "status" for inner in inside
    )


def _written_table(call: ast.Call, known: dict[str, str]) -> str:
    name = source.dotted(call.func)
    if name.rpartition(".")[2] == "values":
        return _update_of(call.func, known)
    return known.get(name, "") if name.startswith("tables.") else ""


def state_classes(modules: tuple[source.Module, ...]) -> set[str]:
    """Names of the classes that descend from a Reflex State."""
    bases = {
        node.name: {source.dotted(base).rpartition(".")[2] for base in node.bases}
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    states = {"State", "ComponentState", "SharedState"}
    while grown := {name for name, parents in bases.items() if parents & states} - states:
        states |= grown
    return states


def open_handlers(module: source.Module, states: set[str]) -> list[str]:
    """Functions of a State that the browser could call although nobody meant them to be called."""
    found = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef) or node.name not in states:
            continue
        if not module.name.startswith("pecapp.ui.states"):
            found.append(module.at(node, f"{node.name} is a State outside ui/states"))
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
                marks = {source.dotted(mark) for mark in inner.decorator_list}
                if not marks & {"rx.event", "rx.var"}:
                    found.append(
                        module.at(inner, f"{node.name}.{inner.name} is neither @rx.event, @rx.var nor _private")
                    )
    return found


def readers_of_the_environment(module: source.Module) -> list[str]:
    if module.part in READERS_OF_THE_ENVIRONMENT:
        return []
    taken = {"os.environ", "os.getenv", "os.putenv"}
    return [
        *(module.at(node, "reads the environment") for node in ast.walk(module.tree) if source.dotted(node) in taken),
        *(
            module.at(node, "takes the environment from os")
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {n.name for n in node.names} & {"environ", "getenv"}
        ),
    ]


def long_functions(module: source.Module) -> list[str]:
    return [
        module.at(node, f"{node.name} has {lines} lines")
        for node in source.functions(module.tree)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]


def test_there_is_one_commit() -> None:
    found = [problem for module in source.product() for problem in commits(module)]
    assert [problem.split(":")[0] for problem in found] == ["pecapp.db"], found


def test_a_status_is_written_in_one_module() -> None:
    assert [problem for module in source.product() for problem in foreign_status_writes(module)] == []


def test_the_owners_of_a_status_exist() -> None:
    assert set(STATUS_OWNERS.values()) <= {module.name for module in source.modules()}


def test_only_what_is_meant_for_the_browser_can_be_called_by_it() -> None:
    states = state_classes(source.product())
    assert [problem for module in source.product() for problem in open_handlers(module, states)] == []


def test_only_settings_reads_the_environment() -> None:
    assert [problem for module in source.modules() for problem in readers_of_the_environment(module)] == []


def test_functions_fit_a_page() -> None:
    written = [module for module in source.modules() if not module.name.startswith("pecapp.migrations.versions.")]
    assert [problem for module in written for problem in long_functions(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "order.status = 'paid'",
        "row.order.status = 'paid'",
        "from sqlalchemy import update\nupdate(tables.Order).where(True).values(status='paid')",
        "ORDER = db.table(tables.Order)\ndef f(s):\n    s.execute(update(ORDER).values(status='paid'))",
        "ORDER = db.table(tables.Order)\n_PAY = update(ORDER).where(1)\ndef f(s):\n    s(_PAY.values(status='paid'))",
        "ORDER = db.table(tables.Order)\nupdate(ORDER).values({'status': 'paid'})",
        "ORDER = db.table(tables.Order)\nupdate(ORDER).values(**anything)",
        "tables.Order(number='1', status='paid')",
        "service.status = 'live'",
        "attempt.status = 'succeeded'",
    ],
)
def test_a_foreign_status_write_is_seen(text: str) -> None:
    assert foreign_status_writes(source.parsed("pecapp.services.checkout", text))


@pytest.mark.parametrize(
    "text",
    [
        "ORDER = db.table(tables.Order)\nupdate(ORDER).where(ORDER.c.status == 'x').values(paid_at=1)",
        "mail.status = 'sent'",
        "NAME = db.table(tables.MailboxName)\nupdate(NAME).values(status='used')",
    ],
)
def test_other_writes_are_free(text: str) -> None:
    assert foreign_status_writes(source.parsed("pecapp.services.checkout", text)) == []


def test_a_second_commit_is_seen() -> None:
    assert commits(source.parsed("pecapp.services.checkout", "def f(s):\n    s.commit()"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pecapp.ui.states.a", "class A(rx.State):\n    def pay(self): ..."),
        ("pecapp.ui.states.a", "class A(rx.State): ...\nclass B(A):\n    async def pay(self): ..."),
        ("pecapp.ui.states.a", "class A(rx.State):\n    @functools.cache\n    def pay(self): ..."),
        ("pecapp.ui.pages.a", "class A(rx.State): ..."),
    ],
)
def test_an_open_handler_is_seen(name: str, text: str) -> None:
    planted = source.parsed(name, text)
    assert open_handlers(planted, state_classes((planted,)))


def test_a_meant_handler_passes() -> None:
    text = "class A(rx.State):\n    @rx.event(background=True)\n    async def pay(self): ...\n    def _load(self): ..."
    planted = source.parsed("pecapp.ui.states.a", text)
    assert open_handlers(planted, state_classes((planted,))) == []


@pytest.mark.parametrize("text", ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import environ"])
def test_a_reader_of_the_environment_is_seen(text: str) -> None:
    assert readers_of_the_environment(source.parsed("pecapp.services.checkout", text))


def test_a_long_function_is_seen() -> None:
    assert long_functions(source.parsed("pecapp.cli", "def f():\n" + "    x = 1\n" * FUNCTION_LINES))
