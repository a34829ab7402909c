"""One thing has one name on every page, and each page says where it leads before one presses."""

import pytest

from pecapp import i18n
from pecapp.ui.pages import charge, forecast, methods, new_method, order, renewals

LANGUAGES = pytest.mark.parametrize("lang", i18n.LANGS)


@LANGUAGES
@pytest.mark.parametrize(
    "keys",
    [
        ("ceiling.title", "method.ceiling", "forecast.ceiling", "mail.ceiling"),
        ("forecast.title", "method.coming"),
        ("svc.method", "method.new.kind"),
        ("ord.cancel", "ord.cancel_confirm"),
    ],
)
def test_one_thing_has_one_name(keys: tuple[str, ...], lang: i18n.Lang) -> None:
    assert len({i18n.text(key, lang) for key in keys}) == 1


@pytest.mark.parametrize(
    ("page", "key", "href"),
    [
        (methods.page, "area.back", "/area-clienti"),
        (new_method.page, "method.back", methods.ROUTE),
        (forecast.page, "area.back", "/area-clienti"),
        (renewals.page, "area.back", "/area-clienti"),
        (charge.page, "history.title", renewals.ROUTE),
    ],
)
def test_a_page_leads_back_to_the_one_above_it(page, key: str, href: str) -> None:
    drawn = str(page())
    begins = drawn.index('"overline back"')
    link = drawn[begins : begins + 700]
    assert f'to:"{href}"' in link
    assert all(i18n.text(key, lang) in link for lang in i18n.LANGS)


def test_what_paying_will_do_is_said_above_the_button() -> None:
    drawn = str(order.page())
    hint, button = (drawn.index(f'"{words}') for words in ("Il pagamento parte subito da questa carta", "Paga ora"))
    assert hint < button
