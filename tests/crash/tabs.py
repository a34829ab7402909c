"""A page of the shop without a browser: opened over its websocket, its buttons pressed, its answers read."""

import asyncio
import json
import re
import uuid
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import aiohttp

_STATES = "reflex___state____state"
_OPENED = r'"is_hydrated_rx_state_":true'
_PING, _PONG = "2", "3"
PATIENCE = 15


class Press(NamedTuple):
    """A button, by the handler that its page calls (`module.state.handler`), and what the page sends with it."""

    handler: str
    payload: dict[str, Any]

    @property
    def name(self) -> str:
        """The handler as the server lists it."""
        module, state, handler = self.handler.split(".")
        return f"{_STATES}.pecapp___ui___states___{module}____{state}.{handler}"


def press(site: str, cookie: str, page: str, *buttons: Press, until: str) -> str:
    """Open `page` in a new tab, press `buttons` one after the other, and give the first answer that fits `until`.

    Nothing when the line breaks before, because nobody is there any more. Fails when neither comes in time.
    """
    try:
        return asyncio.run(_press(site, cookie, page, buttons, until))
    except aiohttp.ClientConnectionResetError:
        return ""


async def _press(site: str, cookie: str, page: str, buttons: tuple[Press, ...], until: str) -> str:
    path, _, query = page.partition("?")
    place = {"pathname": path, "asPath": page, "query": dict(parse_qsl(query))}
    address = f"{site}/_event/?EIO=4&transport=websocket&token={uuid.uuid4()}"
    headers = {"Origin": site, "Cookie": f"sid={cookie}"}
    async with (
        asyncio.timeout(PATIENCE),
        aiohttp.ClientSession() as browser,
        browser.ws_connect(address, headers=headers) as line,
    ):
        await line.receive()
        arrival = {"event": {"name": f"{_STATES}.hydrate_and_load", "router_data": place, "payload": {}}}
        await line.send_str(f"40/_event,{json.dumps(arrival)}")
        await _answer(line, _OPENED)
        for button in buttons:
            told = {"name": button.name, "payload": button.payload, "router_data": place}
            await line.send_str(f"42/_event,{json.dumps(['event', told])}")
        return await _answer(line, until)


async def _answer(line: aiohttp.ClientWebSocketResponse, pattern: str) -> str:
    async for message in line:
        if message.data == _PING:
            await line.send_str(_PONG)
        elif re.search(pattern, str(message.data)):
            return str(message.data)
    return ""
