"""A worker's day of debits, in a process of its own: `python -m bench.batch <concurrency>` prints what it took."""

import asyncio
import json
import resource
import sys
import time

from dbos import DBOS

from pecapp import clock, db, settings, workflows
from pecapp.gateways import registry
from pecapp.services import debits


async def _run(concurrency: int) -> dict[str, float]:
    DBOS(config=workflows.configuration(settings.load()))
    DBOS.launch()
    await workflows.open_queue()
    debits.keep_to(debits.Pace(concurrency, per_second=0))
    due = sum(map(len, debits.plan()))
    started, used = time.perf_counter(), time.process_time()
    handle = await DBOS.start_workflow_async(workflows.debits_round, clock.now(), None)
    await handle.get_result()
    measured = {
        "due": due,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - used,
        "left": sum(map(len, debits.plan())),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    await registry.aclose_all()
    await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=1)
    return measured


def main() -> None:
    """Debit everything that is due in the database of the settings."""
    db.configure(settings.load().database_url)
    print(json.dumps(asyncio.run(_run(int(sys.argv[1])))))
    db.dispose()


if __name__ == "__main__":
    main()
