"""Reads the JSON body of a request and names the field that is wrong, as PayPal does."""

import re
from typing import Any

from pecapp.simulator.paypal_errors import PayPalError, refused
from pecapp.simulator.paypal_objects import Object

# The currencies with two decimals; those without (HUF, JPY, TWD) are not simulated.
CURRENCIES = frozenset("AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD".split())
URL = r"https?://[^\s/]+.*"
NAME = r"[0-9A-Za-z_-]+"


class Part:
    """A JSON object in a request, and where it stands. Everything here raises PayPalError 400 unless said."""

    def __init__(self, content: Object, path: str = "") -> None:
        self.content = content
        self.path = path

    def __contains__(self, name: str) -> bool:
        return name in self.content

    def at(self, name: str) -> str:
        """The JSON pointer of a field."""
        return f"{self.path}/{name}"

    def wrong(self, name: str, issue: str) -> PayPalError:
        """The error that a field deserves."""
        return PayPalError(400, issue, field=self.at(name))

    def maybe(self, name: str) -> "Part":
        """The object in a field; an empty one when the field is not there."""
        value = self.content.get(name)
        if value is None:
            return Part({}, self.at(name))
        if not isinstance(value, dict):
            raise self.wrong(name, "INVALID_PARAMETER_SYNTAX")
        return Part(value, self.at(name))

    def part(self, name: str) -> "Part":
        """The object in a field that must be there."""
        if self.content.get(name) is None:
            raise self.wrong(name, "MISSING_REQUIRED_PARAMETER")
        return self.maybe(name)

    def only(self, name: str) -> "Part":
        """The single object of a list that must be there."""
        value: Any = self.content.get(name)
        if value is None:
            raise self.wrong(name, "MISSING_REQUIRED_PARAMETER")
        if not isinstance(value, list):
            raise self.wrong(name, "INVALID_PARAMETER_SYNTAX")
        if len(value) != 1:  # PayPal takes up to ten; one is what the simulator has
            raise self.wrong(name, "INVALID_ARRAY_MAX_ITEMS" if value else "INVALID_ARRAY_MIN_ITEMS")
        return Part({"0": value[0]}, self.at(name)).part("0")

    def text(
        self, name: str, *, longest: int = 255, choices: str = "", pattern: str = "", required: bool = False
    ) -> str | None:
        """The text in a field, None when it is not there. `choices` are words separated by blanks."""
        value = self.content.get(name)
        if value is None:
            if required:
                raise self.wrong(name, "MISSING_REQUIRED_PARAMETER")
            return None
        if not isinstance(value, str) or (pattern and not re.fullmatch(pattern, value)):
            raise self.wrong(name, "INVALID_PARAMETER_SYNTAX")
        if not 0 < len(value) <= longest:
            raise self.wrong(name, "INVALID_STRING_LENGTH")
        if choices and value not in choices.split():
            raise self.wrong(name, "INVALID_PARAMETER_VALUE")
        return value

    def amount(self) -> tuple[int, str]:
        """This object as an amount: cents and currency. Raises PayPalError 422 too."""
        currency = self.text("currency_code", longest=3, required=True) or ""
        value = self.text("value", longest=32, pattern=r"-?(\d+|\d*\.\d+)", required=True) or ""
        if currency not in CURRENCIES:
            raise refused("INVALID_CURRENCY_CODE", field=self.at("currency_code"))
        if not re.fullmatch(r"-?\d+\.\d\d", value):
            raise refused("DECIMAL_PRECISION", field=self.at("value"))
        cents = int(value.replace(".", ""))
        if cents <= 0:
            raise refused("CANNOT_BE_ZERO_OR_NEGATIVE", field=self.at("value"))
        return cents, currency
