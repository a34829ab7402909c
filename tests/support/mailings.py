"""What holds for every mail, whatever it tells."""

import re

from pecapp import i18n
from pecapp.services import letters
from tests.support import papers

PAN_LIKE = re.compile(r"\d{13,19}")
RAW_KEY = re.compile(r"\b(?:mail|paper|order|receipt|plain)\.[a-z0-9_.]+\b(?!@)")
BRACE = re.compile(r"[{}]|\[\[|%\(")


def text(mail: letters.Written) -> str:
    """The words of a mail on one line, with plain spaces."""
    return " ".join(mail.text.split()).replace("\xa0", " ")


def html(mail: letters.Written) -> str:
    """Its HTML on one line, with plain spaces and apostrophes."""
    return " ".join(mail.html.split()).replace("\xa0", " ").replace("&#39;", "'").replace("&amp;", "&")


def keeps_the_rules(mail: letters.Written, lang: i18n.Lang) -> None:
    """No card number, tax code or token, no key or gap, our warning and who we are, no link or image from elsewhere."""
    for body in (mail.subject, mail.text, mail.html):
        assert not PAN_LIKE.search(body.replace(" ", ""))
        assert not RAW_KEY.search(body)
        assert papers.TAX_CODE not in body
        assert "pm_secret" not in body
        assert "!" not in body.replace("<!doctype", "")
    assert not BRACE.search(mail.text)
    warning = {"it": "password, numeri di carta", "en": "card numbers"}
    assert warning[lang] in text(mail)
    assert "Ceralacca Demo S.p.A." in mail.text
    assert f'<html lang="{lang}">' in mail.html
    assert "<img" not in mail.html
    assert set(re.findall(r'href="(https?://[^/"]+)', mail.html)) == {"http://localhost:8000"}
