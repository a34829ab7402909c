"""One shop for the crash tests of a worker; between them it is alive and the bank behaves."""

from collections.abc import Iterator

import pytest

from tests.crash.shop import Shop
from tests.support import bank as banks
from tests.support import processes


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    trap = folder / "trap"
    settings = {
        "PECAPP_FAIL_AT": str(trap),
        "PECAPP_RENEWAL_SCHEDULE": "*/2 * * * * *",
        "SIMULATOR_WEBHOOK_WORKERS": "8",
    }
    with processes.running_site(folder, settings) as site:
        shop = Shop(site, banks.Bank(site.simulator_url), trap)
        yield shop
        shop.close()


@pytest.fixture
def shop(running_shop: Shop) -> Iterator[Shop]:
    """A shop that is open, and a bank that works."""
    if not running_shop.site.app.is_running():
        running_shop.revives()
    yield running_shop
    running_shop.trap.unlink(missing_ok=True)
    running_shop.bank.calm()
