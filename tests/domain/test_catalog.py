"""The price list: what the demonstration catalogue promises, versions, promotions, and files that are refused."""

import copy
import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources

import pytest

from pecapp import demo, errors
from pecapp.domain import catalog
from pecapp.domain.catalog import Family, Kind

RAW = tomllib.loads(resources.files(demo).joinpath("catalog.toml").read_text("utf-8"))

NET_PRICES = {
    "PEC-STD": 990,
    "PEC-PRO": 2990,
    "PEC-PRE": 4490,
    "PEC-DOM-SET": 1690,
    "PEC-DOM": 1090,
    "PEC-GB": 300,
    "PEC-ARC-GB": 300,
    "FE": 2990,
    "FE-RX": 1490,
    "FE-GB": 300,
    "FE-USER": 1000,
    "SPID-P": 490,
    "SPID-WEB": 1990,
    "SPID-PRO": 3000,
    "SPID-AZ": 4500,
    "DOC": 3000,
    "FD-CARD": 2500,
    "FD-KIT": 5200,
    "FD-KEY": 6200,
    "FR": 3600,
    "FR-OTP": 4900,
    "FD-REN": 2000,
    "FR-REN": 3000,
    "MT-50": 1200,
    "MT-100": 2200,
    "MT-200": 4000,
    "MT-500": 9000,
    "SHIP": 900,
}


def test_every_product_of_the_list_is_there_at_its_price(price_list):
    found = {
        product.code: price_list.price(product.code, date(2026, 11, 22)).net_cents for product in price_list.products
    }
    assert found == NET_PRICES


def test_first_year_prices(price_list):
    assert price_list.price("SPID-P", date(2026, 11, 22)).first_year_net_cents == 0
    assert price_list.price("SPID-PRO", date(2026, 11, 22)).first_year_net_cents == 2200


def test_the_price_in_force_is_the_latest_version_that_has_begun(price_list):
    assert price_list.price("PEC-STD", date(2025, 12, 31)).net_cents == 790
    assert price_list.price("PEC-STD", date(2026, 1, 1)).net_cents == 990


def test_before_the_first_version_there_is_no_price(price_list):
    with pytest.raises(errors.PecError) as refused:
        price_list.price("PEC-PRO", date(2025, 12, 31))
    assert refused.value.code == "PREZZO_ASSENTE"


@pytest.mark.parametrize("code", ["PEC-XXX", "", None, ["PEC-STD"], "pec-std", "PEC-STD\0"])
def test_an_unknown_product_is_not_found(price_list, code):
    with pytest.raises(errors.NotFound) as refused:
        price_list.product(code)
    assert refused.value.code == "PROD_NON_DISP"


def test_signatures_and_time_stamps_have_neither_frequency_nor_automatic_renewal(price_list):
    family_b = [product for product in price_list.products if product.family is Family.B]
    assert {product.kind for product in family_b} == {Kind.SIGNATURE, Kind.TIMESTAMP, Kind.SHIPPING}
    assert not any(product.auto_renewable or product.yearly or product.freq_max for product in family_b)


def test_who_renews_by_itself_how_often_and_with_how_much_grace(price_list):
    terms = {
        product.code: (product.auto_renewable, product.freq_min, product.freq_max, product.grace_days)
        for product in price_list.products
        if product.yearly and not product.parent_codes
    }
    assert terms == {
        **dict.fromkeys(("PEC-STD", "PEC-PRO", "PEC-PRE"), (True, 1, 5, 90)),
        "PEC-DOM": (True, 1, 5, 30),
        **dict.fromkeys(("FE", "FE-RX", "DOC"), (True, 1, 10, 90)),
        "SPID-P": (False, 1, 1, 0),
        **dict.fromkeys(("SPID-PRO", "SPID-AZ"), (True, 1, 2, 0)),
    }


def test_only_devices_are_shipped(price_list):
    shipped = {product.code for product in price_list.products if product.needs_shipping}
    assert shipped == {"FD-CARD", "FD-KIT", "FD-KEY", "FR-OTP"}


def test_which_add_ons_go_with_which_product(price_list):
    def addons(code):
        return {addon.code: addon.quantity_limit(code) for addon in price_list.addons(code)}

    assert addons("PEC-STD") == {"PEC-GB": 1}
    assert addons("PEC-PRO") == addons("PEC-PRE") == {"PEC-GB": 10, "PEC-ARC-GB": 10}
    assert addons("PEC-DOM") == {}
    assert addons("FE") == addons("FE-RX") == {"FE-GB": 10, "FE-USER": 10}
    assert addons("SPID-PRO") == {"SPID-WEB": 1}
    assert addons("FD-CARD") == {}


def test_names_and_summaries_are_there_in_both_languages_and_each_is_its_own(price_list):
    for field in ("name_it", "name_en", "summary_it", "summary_en", "position"):
        values = [getattr(product, field) for product in price_list.products]
        assert all(values)
        assert len(set(values)) == len(values)
    assert all(product.summary_it.endswith(".") for product in price_list.products)


def test_certified_domains_and_codes(catalogue):
    assert {"pec-ceralacca.test", "legal.ceralacca.test"} <= set(catalogue.domains)
    assert {code.code for code in catalogue.codes} == {"BENVENUTO10", "ORDINE150"}


def test_a_promotion_runs_from_its_first_instant_until_just_before_its_last(price_list):
    starts, ends = datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2027, 1, 31, 23, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    running = [price_list.promotion("PEC-PRO", at) is not None for at in (starts - tick, starts, ends - tick, ends)]
    assert running == [False, True, True, False]


def test_a_start_offer_never_applies_by_itself(price_list, at):
    assert price_list.promotion("FE", at) is None
    assert [offer.id for offer in price_list.start_offers("FE", at)] == ["FE-AVVIO"]


def test_of_two_promotions_the_cheaper_applies():
    def promotion(name, net_cents):
        return catalog.Promotion(
            name, "X", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), net_cents
        )

    both = catalog.PriceList((), (), (promotion("dear", 900), promotion("cheap", 800)))
    found = both.promotion("X", datetime(2026, 6, 1, tzinfo=UTC))
    assert found is not None
    assert found.id == "cheap"


def test_a_code_is_exhausted_by_all_its_uses_or_by_one_account(catalogue):
    codes = {code.code: code for code in catalogue.codes}
    assert codes["BENVENUTO10"].exhausted(uses=1, account_uses=1)
    assert not codes["BENVENUTO10"].exhausted(uses=10**6, account_uses=0)
    assert codes["ORDINE150"].exhausted(uses=1000, account_uses=0)
    assert not codes["ORDINE150"].exhausted(uses=999, account_uses=999)


def _row(data, table, **match):
    return next(row for row in data[table] if match.items() <= row.items())


def _twice(data):
    data["product"].append(data["product"][0])


def _without_price(data):
    data["price"] = [price for price in data["price"] if price["product_code"] != "FE"]


def _two_prices(data):
    data["price"].append(_row(data, "price", product_code="FE"))


def _change(table, match, **changes):
    def change(data):
        _row(data, table, **match).update(changes)

    return change


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_twice, "PEC-STD is there twice"),
        (_without_price, "needs a price"),
        (_two_prices, "two prices from the same day"),
        (_change("product", {"code": "PEC-GB"}, parent_codes=["PEC-XXX"]), "added to an unknown product"),
        (_change("product", {"code": "SHIP"}, kind="timestamp"), "one product of kind shipping"),
        (_change("product", {"code": "FE"}, freq_max=0), "contradict each other"),
        (_change("product", {"code": "FR"}, auto_renewable=True), "renews by itself"),
        (_change("product", {"code": "FR"}, period="year", freq_min=1, freq_max=3), "family B"),
        (_change("price", {"product_code": "FE"}, net_cents=-1), "negative"),
        (_change("promotion", {"id": "PRO-INVERNO"}, product_code="PEC-GB"), "not a main product"),
        (_change("promotion", {"id": "PRO-INVERNO"}, promo_years=3), "impossible"),
        (_change("promotion", {"id": "PRO-INVERNO"}, ends_at=datetime(2026, 1, 1, tzinfo=UTC)), "the earlier first"),
        (_change("code", {"code": "ORDINE150"}, starts_at=datetime(2026, 1, 1)), "time zone"),  # noqa: DTZ001
        (_change("product", {"code": "FE"}, perpetual=True), "perpetual"),
        (_change("product", {"code": "FE"}, kind="elephant"), "Input should be"),
        (lambda data: data.pop("domains"), "Field required"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(spoil, said):
    data = copy.deepcopy(RAW)
    spoil(data)
    with pytest.raises(ValueError, match=said):
        catalog.from_mapping(data)
