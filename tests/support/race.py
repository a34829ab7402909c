"""Several at once: the same work in many threads, let go at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def together(work: Callable[..., Any], *groups: tuple[Any, ...]) -> list[Any]:
    """Call `work` once for each group of arguments, all at the same time; results or errors, in order."""
    gate = threading.Barrier(len(groups))

    def one(arguments: tuple[Any, ...]) -> Any:
        gate.wait()
        try:
            return work(*arguments)
        except Exception as problem:
            return problem

    with ThreadPoolExecutor(len(groups)) as pool:
        return list(pool.map(one, groups))


def repeated(work: Callable[..., Any], times: int, *arguments: Any) -> list[Any]:
    """Call `work` with the same arguments `times` times at once."""
    return together(work, *[arguments] * times)
