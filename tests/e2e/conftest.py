"""One browser against the production build and the simulator; a complaint of console or server fails the test."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.e2e import customers
from tests.support import bank as banks
from tests.support import browser as chromium
from tests.support import processes

PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)

collect_ignore = [] if os.environ.get("UPDATE_SCREENSHOTS") else ["test_screenshots.py"]

TRACED = bool(os.environ.get("TRACE_PAGES"))
"""Whether a failed test also leaves a trace of its pages, beside pictures and logs; recording it takes time."""
RESULTS = Path(__file__).resolve().parents[2] / "test-results"
SERVER_ERROR = re.compile(r"^.*(?:\bERROR\b|\bCRITICAL\b|Traceback).*$", re.MULTILINE)
ONLY_THIS_MACHINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
COMPLAINTS = pytest.StashKey[list[str]]()
CONTEXTS = pytest.StashKey[list[BrowserContext]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    site: processes.Site | None = getattr(item, "funcargs", {}).get("site")
    before = site.app.log.stat().st_size if site else 0
    try:
        result = yield
    except BaseException:
        item.add_report_section("call", "browser", "\n".join(item.stash.get(COMPLAINTS, [])))
        _keep_evidence(item, site)
        raise
    logged = site.app.log.read_bytes()[before:].decode(errors="replace") if site else ""
    marker = item.get_closest_marker("allows_errors")
    allowed = marker.args if marker else ()
    found = [*item.stash.get(COMPLAINTS, []), *(f"server: {line}" for line in SERVER_ERROR.findall(logged))]
    found = [complaint for complaint in found if not any(part in complaint for part in allowed)]
    if found:
        _keep_evidence(item, site)
        pytest.fail("\n".join(found), pytrace=False)
    return result


def _keep_evidence(item: pytest.Item, site: processes.Site | None) -> None:
    folder = RESULTS / re.sub(r"[^\w.-]+", "_", item.nodeid)
    folder.mkdir(parents=True, exist_ok=True)
    for number, context in enumerate(item.stash.get(CONTEXTS, [])):
        for index, page in enumerate(context.pages):
            page.screenshot(path=folder / f"{number}-{index}.png", full_page=True)
        if TRACED:
            context.tracing.stop(path=folder / f"{number}.zip")
    if site:
        for child in (site.app, site.simulator):
            (folder / child.log.name).write_bytes(child.log.read_bytes())


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Site]:
    """The product with demo data and the simulator, running; shared by the tests of one worker."""
    with processes.running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module: the driver's event loop must be gone before an asynchronous test runs."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium.find(), args=[*chromium.ARGUMENTS, ONLY_THIS_MACHINE]
        )
        yield launched
        launched.close()


@pytest.fixture
def new_page(request: pytest.FixtureRequest, browser: Browser, site: processes.Site) -> Iterator[Callable[..., Page]]:
    """Makes pages, each in a browser of its own (own cookies); arguments are those of `Browser.new_context`."""
    complaints = request.node.stash[COMPLAINTS] = []
    contexts = request.node.stash[CONTEXTS] = []

    def make(**options: Any) -> Page:
        chosen: dict[str, Any] = {
            "base_url": site.url,
            "locale": "it-IT",
            "timezone_id": "Europe/Rome",
            "reduced_motion": "reduce",  # drawing without a graphics card is dear
        }
        context = browser.new_context(**chosen | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if TRACED:
            context.tracing.start(snapshots=True)
        context.on("request", lambda request: _note_stranger(complaints, request, site))
        context.on("console", lambda message: _note(complaints, "console", message.text, message.type == "error"))
        context.on("weberror", lambda problem: _note(complaints, "page", str(problem.error), True))
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def _note(complaints: list[str], place: str, text: str, is_error: bool) -> None:
    if is_error:
        complaints.append(f"{place}: {text}")


def _note_stranger(complaints: list[str], request: Request, site: processes.Site) -> None:
    """The product's pages, and those of the bank, ask for nothing from anywhere else."""
    if not request.url.startswith((f"{site.url}/", f"{site.simulator_url}/", "data:", "blob:")):
        complaints.append(f"request to another host: {request.url}")


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """One page of one new visitor."""
    return new_page()


@pytest.fixture
def assert_accessible() -> Callable[[Page], None]:
    """Fails with what axe finds wrong on a page as it is now."""
    axe = Axe()

    def check(page: Page) -> None:
        violations = axe.run(page).response["violations"]
        assert [f"{one['id']}: {one['help']}: {node['html']}" for one in violations for node in one["nodes"]] == []

    return check


@pytest.fixture
def bank(site: processes.Site) -> Iterator[banks.Bank]:
    """The bank behind the site; after the test it behaves again."""
    found = banks.Bank(site.simulator_url)
    yield found
    found.calm()
    found.close()


@pytest.fixture
def new_customer(site: processes.Site, new_page: Callable[..., Page]) -> Callable[..., customers.Customer]:
    """Makes customers who are registered and signed in already."""

    def make(lang: str = "it") -> customers.Customer:
        return customers.make(site, new_page, lang)

    return make


@pytest.fixture
def customer(new_customer: Callable[..., customers.Customer]) -> customers.Customer:
    """A customer who is registered and signed in already."""
    return new_customer()
