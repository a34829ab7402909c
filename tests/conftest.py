"""What every test relies on: a quiet log, closed sockets, fresh databases, a movable clock; and what was not run."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pecapp import clock, db
from tests.support import database as support_database
from tests.support import logs, loopback

SANDBOX_KEYS = {
    "stripe": ("STRIPE_SANDBOX_KEY",),
    "paypal": ("PAYPAL_SANDBOX_CLIENT_ID", "PAYPAL_SANDBOX_CLIENT_SECRET"),
}
SHARED = Path(__file__).resolve().parents[2] / "shared"
AVAILABLE = pytest.StashKey[dict[str, bool]]()
NOT_RUN = {
    "postgres": f"everything on PostgreSQL (TEST_POSTGRES_URL, none answers at {support_database.POSTGRES_PLACE})",
    "redis": f"everything on Redis (TEST_REDIS_URL, none answers at {support_database.REDIS_PLACE})",
    "shared": "the comparison with the shared sample objects (../shared is not there)",
}


def pytest_configure(config: pytest.Config) -> None:
    _forget_environment()
    given = getattr(config, "workerinput", None)
    config.stash[AVAILABLE] = (
        given["available"]
        if given
        else {
            "postgres": support_database.postgres_answers(),
            "redis": support_database.redis_answers(),
            "shared": SHARED.is_dir(),
            **{_sandbox(gateway): _missing_key(gateway) is None for gateway in SANDBOX_KEYS},
        }
    )


def _sandbox(gateway: str) -> str:
    """What the marker `sandbox(gateway)` needs."""
    return f"sandbox {gateway}"


def _missing_key(gateway: str) -> str | None:
    """The first setting that the gateway's own test system lacks."""
    return next((name for name in SANDBOX_KEYS[gateway] if not os.environ.get(name)), None)


def _forget_environment() -> None:
    """The tests see the default settings, not what this shell happens to have set."""
    kept = {name for names in SANDBOX_KEYS.values() for name in names}
    for name in [*os.environ]:
        if name.startswith(("PECAPP_", "STRIPE_", "PAYPAL_", "REFLEX_", "SIMULATOR_")) and name not in kept:
            del os.environ[name]
    os.environ["PECAPP_ENVIRONMENT"] = "test"


def pytest_configure_node(node) -> None:
    """The first process decides what can be run, so that all workers collect the same tests."""
    node.workerinput["available"] = node.config.stash[AVAILABLE]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        engines = ["sqlite", *(["postgresql"] if metafunc.config.stash[AVAILABLE]["postgres"] else [])]
        metafunc.parametrize("database", engines, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need what is not there are left out; the summary says so in one line."""
    missing = {need for need, there in config.stash[AVAILABLE].items() if not there}
    out = [item for item in items if missing & _needs(item)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _needs(item: pytest.Item) -> set[str]:
    markers = [*item.iter_markers()]
    return {_sandbox(one.args[0]) if one.name == "sandbox" else one.name for one in markers}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    there = config.stash[AVAILABLE]
    missing = [what for need, what in NOT_RUN.items() if not there[need]]
    keys = [_missing_key(gateway) for gateway in SANDBOX_KEYS if not there[_sandbox(gateway)]]
    if keys:
        missing.append(f"the gateways' own test systems ({'; '.join(f'{key} is not set' for key in keys)})")
    if missing:
        terminalreporter.write_line("Not run: " + "; ".join(missing))


def _judge_log(item: pytest.Item, logged: list[str], *, all_expected: bool) -> None:
    marker = item.get_closest_marker("logs_errors")
    expected = marker.args if marker else None
    if marker and not all_expected:
        return
    if found := logs.complaints(logged, expected):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with logs.errors_collected() as logged:
        result = yield
    _judge_log(item, logged, all_expected=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with logs.errors_collected() as logged:
        result = yield
    _judge_log(item, logged, all_expected=True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with logs.errors_collected() as logged:
        result = yield
    _judge_log(item, logged, all_expected=False)
    return result


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _closed_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("sandbox"):
        yield
        return
    with loopback.only_loopback():
        yield


class FrozenClock:
    """Time that stands still until it is moved."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def set(self, instant: datetime) -> None:
        self.instant = instant

    def advance(self, **by: float) -> None:
        """Move on by `timedelta(**by)`."""
        self.instant += timedelta(**by)


@pytest.fixture
def frozen_clock() -> Iterator[FrozenClock]:
    """The product's clock, stopped at noon UTC of 10 March 2027 until the test moves it."""
    frozen = FrozenClock(datetime(2027, 3, 10, 12, tzinfo=UTC))
    clock.use(lambda: frozen.instant)
    yield frozen
    clock.use(None)
    clock.move(timedelta())


@pytest.fixture(scope="session", autouse=True)
def _lasting_engines() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "_create", support_database.lasting(db._create))
        yield


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[support_database.Databases]:
    made = support_database.Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.close()


@pytest.fixture
def database(request: pytest.FixtureRequest, databases: support_database.Databases) -> Iterator[str]:
    """The address of a fresh, migrated database in use by `pecapp.db`; the test runs once on each engine."""
    with databases.fresh(request.param) as url:
        db.configure(url)
        yield url
        db.dispose()


@pytest.fixture
def sqlite_database(databases: support_database.Databases) -> Iterator[str]:
    """As `database`, on SQLite alone: for tests whose subject is not storage."""
    with databases.fresh("sqlite") as url:
        db.configure(url)
        yield url
        db.dispose()


@pytest.fixture
def postgres_database(databases: support_database.Databases) -> Iterator[str]:
    """As `database`, on PostgreSQL alone; a test that asks for it carries the marker `postgres`."""
    with databases.fresh("postgresql") as url:
        db.configure(url)
        yield url
        db.dispose()


@pytest.fixture
def redis_url() -> str:
    """The Redis server of the tests; a test that asks for it carries the marker `redis`."""
    return support_database.REDIS_URL


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared sample objects; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there")
    return SHARED
