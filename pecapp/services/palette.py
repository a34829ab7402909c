"""The looks of the house for what is printed or sent: the tokens, the seal and the signs that the pages wear too."""

import re
from functools import cache
from pathlib import Path
from types import MappingProxyType

_ASSETS = Path(__file__).parents[2] / "assets"
_TOKEN = re.compile(r"--(?P<name>[a-z-]+): light-dark\((?P<light>#[0-9a-f]{6}), #[0-9a-f]{6}\);")

SIGNS = MappingProxyType({"neutral": "○", "progress": "◔", "success": "✓", "warning": "◷", "problem": "✕"})
"""What stands beside the word of a status, so that its colour is never alone."""


@cache
def colours() -> MappingProxyType[str, str]:
    """The colours of the light theme by the name of their token: paper has no dark side."""
    css = (_ASSETS / "ceralacca.css").read_text(encoding="utf-8")
    return MappingProxyType({token["name"]: token["light"] for token in _TOKEN.finditer(css)})


@cache
def seal() -> str:
    """The seal, as SVG."""
    return (_ASSETS / "seal.svg").read_text(encoding="utf-8")
