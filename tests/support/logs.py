"""A logged error fails the test that caused it, unless the test says that it expects it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@contextmanager
def errors_collected() -> Iterator[list[str]]:
    """What is logged as an error, traceback included, while this lasts."""
    collector = _Collector()
    logging.getLogger().addHandler(collector)
    try:
        yield collector.texts
    finally:
        logging.getLogger().removeHandler(collector)


def complaints(logged: list[str], expected: tuple[str, ...] | None) -> list[str]:
    """What is wrong with a test's log: errors nobody expected, expected ones that never came.

    `expected` is None when none is expected; when it is empty, at least one error of any text is.
    """
    if expected is None:
        return [f"logged an error: {text}" for text in logged]
    if not expected:
        return [] if logged else ["logged no error, though one was expected"]
    return [
        *(f"logged an error: {text}" for text in logged if not any(part in text for part in expected)),
        *(f"logged no error with {part!r}" for part in expected if not any(part in text for text in logged)),
    ]
