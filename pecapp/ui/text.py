"""Words in a page, in the language of whoever reads it.

Both languages are compiled into each page (only the words which that page uses), so a page needs nothing from the
server to speak, the prerendered HTML is Italian, and switching language changes one short variable.
"""

from typing import Any, cast

import reflex as rx

from pecapp import i18n
from pecapp.ui.states import visitor

Words = rx.Var[str] | str
"""Text for a component: known when the page is built, or a variable."""

Live = Any
"""A variable of a State, or a value. (A type checker sees a State's variables as the values that they will have.)"""


def either(it: object, en: object) -> rx.Var[str]:
    """`it` for an Italian reader, `en` for an English one."""
    return cast("rx.Var[str]", rx.cond(visitor.Language.lang == "en", en, it))


def t(key: str, **params: object) -> rx.Var[str]:
    """The words under `key`; `params` (variables allowed) fill its placeholders. No such key: KeyError."""
    return either(*(i18n.text(key, lang, **params) for lang in i18n.LANGS))


def choose(prefix: str, value: Live) -> rx.Var[str]:
    """The words under `<prefix>.<value>`: for a status, a kind, a reason that is known only when the page runs."""
    if isinstance(value, str):
        return t(f"{prefix}.{value}")
    start = f"{prefix}."
    it, en = (
        {key.removeprefix(start): words for key, words in i18n.words(lang).items() if key.startswith(start)}
        for lang in i18n.LANGS
    )
    if not it:
        raise KeyError(prefix)
    return cast("rx.Var[str]", either(it, en).to(dict[str, str])[value])
