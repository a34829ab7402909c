from collections.abc import Iterator

import pytest

from pecapp.services import throttle
from tests.support import people


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Members of the staff sign in often here; what they spent of their tries is nobody else's business."""
    people.quick_passwords(monkeypatch)
    yield
    throttle.forget_all()
