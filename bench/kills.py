"""A day's debits under fire: the product is killed twenty times at random moments, and started again each time."""

import random
import tempfile
import time
from pathlib import Path

from bench import report
from tests.crash import test_renewal_batch as batches
from tests.crash.shop import Shop
from tests.support import bank as banks
from tests.support import processes

KILLS = 20
MAILBOXES = 99
LONGEST_LIFE = 1.5
"""Seconds that the product lives at most before it is killed again."""
SETTINGS = {"PECAPP_RENEWAL_SCHEDULE": "* * * * * *", "PECAPP_RENEWALS_PER_SECOND": "4"}
"""So slow that the kills fall into the work."""


def run() -> None:
    """Print what is left of the batch after the last kill, judged on the bank's own ledger."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        trap = Path(folder) / "trap"
        with processes.running_site(Path(folder), SETTINGS | {"PECAPP_FAIL_AT": str(trap)}) as site:
            shop = Shop(site, banks.Bank(site.simulator_url), trap)
            shop.bank.do("faults", match="POST /v1/payment_intents", behaviour="slow", ms=200, times=banks.FOREVER)
            batch = batches.Batch(shop, MAILBOXES)
            found = []
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.1, LONGEST_LIFE))
                site.app.kill()
                found.append(batch.renewed())
                site.restart_app()
            started = time.monotonic()
            batch.ends_right()
            took = time.monotonic() - started
            charged = batch.charged()
            shop.close()
    rows = [[f"{MAILBOXES}", f"{KILLS}", f"{found[-1]}", f"{took:.1f}", f"{len(charged)}", f"{max(charged.values())}"]]
    head = ["services", "kills", "renewed at the last", "seconds to the end", "charged", "most charges of one"]
    report.table(f"Debits, killed at random (seed {seed})", head, rows)
