"""Stripe's form parameters: decoding of `a[b][0][c]`, and a strict check against a tree of what is known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from pecapp.simulator.stripe_errors import invalid, required

NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
LONGEST_TEXT = 5000
GONE = "payment_method_types"


@dataclass(frozen=True)
class Text:
    """A string of at most `longest` characters; the empty string unsets."""

    longest: int = LONGEST_TEXT


@dataclass(frozen=True)
class Whole:
    """A whole number."""


@dataclass(frozen=True)
class Flag:
    """true or false."""


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Many:
    """A list."""

    of: "Spec"


@dataclass(frozen=True)
class Tree:
    """Named parameters."""

    fields: Mapping[str, "Spec"] = field(default_factory=dict)
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """Free keys and values; an empty value removes its key."""


Spec = Text | Whole | Flag | Choice | Many | Tree | Metadata


def choice(words: str) -> Choice:
    """A Choice from words separated by spaces."""
    return Choice(tuple(words.split()))


def decode(form: str) -> dict[str, Any]:
    """The nested parameters of a form or query string; lists are dicts with numbers as keys."""
    result: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        match = NAME.match(name)
        if not match:
            raise invalid(f"Invalid request: parameter name {name!r} is malformed.", name, stored=False)
        place = result
        keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        for key in keys[:-1]:
            inner = place.setdefault(key or str(len(place)), {})
            if not isinstance(inner, dict):
                raise invalid(f"Invalid request: {name} is both a value and an object.", name, stored=False)
            place = inner
        place[keys[-1] or str(len(place))] = value
    return result


def listed(value: Any) -> Any:
    """The same parameters with lists as lists, for the record."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [listed(value[key]) for key in sorted(value, key=int)]
    return {key: listed(item) for key, item in value.items()}


def check(spec: Spec, value: Any, path: str = "") -> Any:
    """The typed value. Raises StripeError 400 on anything that is unknown, malformed or missing."""
    match spec:
        case Tree():
            return _tree(spec, value, path)
        case Many():
            return _many(spec, value, path)
        case Metadata():
            return _metadata(value, path)
        case _:
            if not isinstance(value, str):
                raise invalid(f"Invalid string: {value}", path, stored=False)
            return _plain(spec, value, path)


def _plain(spec: Spec, value: str, path: str) -> Any:
    if value == "":
        return None
    match spec:
        case Whole():
            if not re.fullmatch(r"-?\d{1,15}", value):
                raise invalid(f"Invalid integer: {value}", path, "parameter_invalid_integer", stored=False)
            return int(value)
        case Flag():
            if value not in ("true", "false"):
                raise invalid(f"Invalid boolean: {value}", path, stored=False)
            return value == "true"
        case Choice(words):
            if value not in words:
                raise invalid(f"Invalid {path}: must be one of {', '.join(words)}", path, stored=False)
            return value
        case Text(longest):
            if len(value) > longest:
                message = f"Invalid string: must be at most {longest} characters"
                raise invalid(message, path, "parameter_invalid_string_too_long", stored=False)
            return value
    raise AssertionError(f"not a plain parameter: {spec}")


def _tree(spec: Tree, value: Any, path: str) -> dict[str, Any] | None:
    if value == "":
        return None
    if not isinstance(value, dict):
        raise invalid("Invalid object", path, stored=False)
    result = {}
    for name, item in value.items():
        inner = f"{path}[{name}]" if path else name
        if name in spec.fields:
            result[name] = check(spec.fields[name], item, inner)
        elif inner == GONE:
            message = "The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types`."
            raise invalid(message, inner, "payment_method_types_no_longer_supported", stored=False)
        else:
            raise invalid(f"Received unknown parameter: {inner}", inner, "parameter_unknown", stored=False)
    for name in spec.required:
        if result.get(name) is None:
            raise required(f"{path}[{name}]" if path else name)
    return result


def _many(spec: Many, value: Any, path: str) -> list[Any]:
    if value == "":
        return []
    if not isinstance(value, dict) or not all(key.isdigit() for key in value):
        raise invalid("Invalid array", path, stored=False)
    return [check(spec.of, value[key], f"{path}[{key}]") for key in sorted(value, key=int)]


def _metadata(value: Any, path: str) -> dict[str, str] | None:
    if value == "":
        return None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid("Invalid object", path, stored=False)
    if len(value) > 50:
        raise invalid("Metadata can have at most 50 keys.", path, stored=False)
    for key, item in value.items():
        if len(key) > 40 or len(item) > 500:
            raise invalid("Metadata keys have at most 40 and values at most 500 characters.", path, stored=False)
    return value


def merged(present: dict[str, str], change: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update: None clears all, an empty value removes its key."""
    if change is None:
        return {}
    return {key: value for key, value in (present | change).items() if value != ""}
