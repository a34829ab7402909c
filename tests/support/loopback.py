"""No test speaks to a machine other than this one."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class OutsideError(RuntimeError):
    """A test tried to reach another machine."""


def is_local(address: Any) -> bool:
    """Whether a socket address is a Unix path, localhost or a loopback number."""
    host = address[0] if isinstance(address, tuple) else "localhost"
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def only_loopback() -> Iterator[None]:
    """Refuse every connection to another machine while this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(call: Any) -> Any:
    def guarded(self: socket.socket, *args: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not is_local(args[-1]):
            raise OutsideError(f"a test reached for {args[-1]}")
        return call(self, *args)

    return guarded
