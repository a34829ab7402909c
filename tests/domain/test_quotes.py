"""What a cart costs, now and at its renewal: check figures, promotions, codes, refusals, and laws that always hold."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp import errors
from pecapp.domain import catalog, money, quotes
from pecapp.domain.quotes import Cart
from tests.domain.conftest import AT

PROMOTED = datetime(2026, 11, 22, 10, tzinfo=UTC)


def _gross(price_list, cart, at=AT, **more):
    return quotes.quote(price_list, cart, at=at, **more).totals.gross_cents


def _refused(price_list, cart, at=AT, code=None):
    with pytest.raises(errors.PecError) as refused:
        quotes.quote(price_list, cart, at=at, code=code)
    return refused.value


def _code(catalogue, name):
    return next(code for code in catalogue.codes if code.code == name)


@pytest.mark.parametrize(
    ("cart", "net", "gross"),
    [
        (Cart("PEC-STD", years=1), 990, 1208),
        (Cart("PEC-STD", years=5), 4950, 6039),
        (Cart("PEC-STD", quantity=5, years=1), 4950, 6039),
        (Cart("SPID-PRO", years=1), 2200, 2684),
        (Cart("SPID-PRO", years=2), 5200, 6344),
        (Cart("SPID-P", years=1), 0, 0),
        (Cart("FR"), 3600, 4392),
        (Cart("MT-50", quantity=10), 12000, 14640),
        (Cart("FE", years=10), 29900, 36478),
    ],
)
def test_check_figures(price_list, cart, net, gross):
    totals = quotes.quote(price_list, cart, at=AT).totals
    assert (totals.net_cents, totals.gross_cents) == (net, gross)


def test_add_ons_are_paid_per_unit_and_year(price_list):
    quote = quotes.quote(price_list, Cart("PEC-PRE", quantity=2, years=3, addons={"PEC-GB": 2, "PEC-ARC-GB": 0}), at=AT)
    assert quote.lines == (
        quotes.QuoteLine("PEC-PRE", 2, 3, 2 * 3 * 4490, 2 * 3 * 4490),
        quotes.QuoteLine("PEC-GB", 4, 3, 4 * 3 * 300, 4 * 3 * 300),
    )


def test_a_one_off_add_on_is_paid_once(price_list):
    quote = quotes.quote(price_list, Cart("SPID-PRO", years=2, addons={"SPID-WEB": 1}), at=AT)
    assert quote.lines[1] == quotes.QuoteLine("SPID-WEB", 1, None, 1990, 1990)
    assert quote.renewal == money.totals(6000)


def test_a_shipped_device_brings_the_courier_once(price_list):
    quote = quotes.quote(price_list, Cart("FD-CARD"), at=AT)
    assert [(line.product_code, line.net_cents) for line in quote.lines] == [("FD-CARD", 2500), ("SHIP", 900)]
    assert [line.product_code for line in quotes.quote(price_list, Cart("FR"), at=AT).lines] == ["FR"]


def test_a_new_domain_is_certified_once_whatever_the_number_of_mailboxes(price_list):
    cart = Cart("PEC-DOM", quantity=3, years=1)
    assert quotes.quote(price_list, cart, at=AT).totals.net_cents == 3 * 1090 + 1690
    assert quotes.quote(price_list, replace(cart, domain_certified=True), at=AT).totals.net_cents == 3 * 1090


def test_nothing_is_preselected(price_list):
    assert [line.product_code for line in quotes.quote(price_list, Cart("PEC-PRO", years=1), at=AT).lines] == [
        "PEC-PRO"
    ]


def test_the_renewal_is_at_list_price_with_frequency_and_add_ons(price_list):
    quote = quotes.quote(price_list, Cart("PEC-PRO", years=2, addons={"PEC-GB": 1, "PEC-ARC-GB": 2}), at=PROMOTED)
    assert quote.renewal == money.totals(2 * (2990 + 3 * 300))
    assert quotes.quote(price_list, Cart("SPID-PRO", years=1), at=AT).renewal == money.totals(3000)
    assert quotes.quote(price_list, Cart("SPID-P", years=1), at=AT).renewal == money.totals(490)


def test_mailboxes_renew_each_in_an_order_of_its_own(price_list):
    quote = quotes.quote(price_list, Cart("PEC-STD", quantity=5, years=1), at=AT)
    assert quote.renewal_each == money.totals(990)
    assert quote.renewal is not None
    assert quote.renewal.gross_cents == 5 * 1208
    assert quote.totals.gross_cents == 6039


def test_what_is_bought_once_has_no_renewal_no_frequency_and_no_expiry(price_list):
    for code in ("FD-CARD", "FR", "FD-REN", "MT-100"):
        quote = quotes.quote(price_list, Cart(code), at=AT)
        assert (quote.renewal, quote.renewal_each, quote.freq_min, quote.freq_max) == (None, None, 0, 0)
        assert quote.expires_on(date(2026, 11, 22)) is None


def test_a_set_up_and_a_recognition_do_not_come_back_at_the_renewal(price_list):
    assert quotes.quote(price_list, Cart("PEC-DOM", years=1), at=AT).renewal == money.totals(1090)


def test_the_expiry_follows_the_years(price_list):
    quote = quotes.quote(price_list, Cart("PEC-STD", years=3), at=AT)
    assert quote.expires_on(date(2028, 2, 29)) == date(2031, 2, 28)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["FD-CARD", "FD-KIT", "FD-KEY", "FR", "FR-OTP", "FD-REN", "FR-REN", "MT-50", "MT-500"])
@pytest.mark.parametrize("years", [0, 1, 3, "1", False])
def test_signatures_and_time_stamps_refuse_a_frequency(price_list, code, years):
    assert _refused(price_list, Cart(code, years=years)).code == "FREQ_NON_PREVISTA"


@pytest.mark.parametrize(
    ("code", "years", "most"),
    [("PEC-STD", 0, 5), ("PEC-STD", 6, 5), ("PEC-STD", -1, 5), ("FE", 11, 10), ("SPID-P", 2, 1), ("SPID-AZ", 3, 2)],
)
def test_a_frequency_out_of_range_says_the_range(price_list, code, years, most):
    error = _refused(price_list, Cart(code, years=years))
    assert (error.code, error.params) == ("FREQ_FUORI", {"min": 1, "max": most})


@pytest.mark.parametrize("years", [None, "2", 1.0, True, [1], float("nan")])
def test_a_frequency_that_is_no_number_of_years_is_refused(price_list, years):
    assert _refused(price_list, Cart("PEC-STD", years=years)).code == "FREQ_FUORI"


@pytest.mark.parametrize(
    ("code", "years", "quantity", "most"),
    [
        ("PEC-STD", 1, 100, 99),
        ("PEC-STD", 1, 0, 99),
        ("PEC-STD", 1, -5, 99),
        ("PEC-STD", 1, "1", 99),
        ("PEC-STD", 1, True, 99),
        ("PEC-STD", 1, 1.5, 99),
        ("PEC-STD", 1, 10**30, 99),
        ("FR", None, 2, 1),
        ("FD-CARD", None, 2, 1),
        ("MT-50", None, 11, 10),
    ],
)
def test_a_quantity_out_of_range_is_refused(price_list, code, years, quantity, most):
    error = _refused(price_list, Cart(code, quantity=quantity, years=years))
    assert (error.code, error.params) == ("QUANT_FUORI", {"min": 1, "max": most})


@pytest.mark.parametrize("code", ["PEC-GB", "PEC-DOM-SET", "SPID-WEB", "SHIP", "FE-USER", "NOTHING", "", None])
def test_what_is_not_sold_alone_is_not_a_main_product(price_list, code):
    assert _refused(price_list, Cart(code, years=1)).code == "PROD_NON_DISP"


@pytest.mark.parametrize(
    ("parent", "addon"),
    [
        ("PEC-STD", "PEC-ARC-GB"),
        ("PEC-STD", "FE-GB"),
        ("PEC-STD", "PEC-PRO"),
        ("PEC-STD", "SHIP"),
        ("PEC-DOM", "PEC-GB"),
        ("PEC-DOM", "PEC-DOM-SET"),
    ],
)
def test_an_add_on_of_another_product_is_refused(price_list, parent, addon):
    assert _refused(price_list, Cart(parent, years=1, addons={addon: 1})).code == "OPZ_NON_PREVISTA"


def test_an_unknown_add_on_is_refused(price_list):
    assert _refused(price_list, Cart("PEC-STD", years=1, addons={"X": 1})).code == "PROD_NON_DISP"


@pytest.mark.parametrize("quantity", [2, -1, "1", None, 0.5])
def test_pec_standard_grows_by_one_gb_at_most(price_list, quantity):
    assert quotes.validate(price_list, Cart("PEC-STD", years=1, addons={"PEC-GB": 1}), at=AT).code == "PEC-STD"
    assert _refused(price_list, Cart("PEC-STD", years=1, addons={"PEC-GB": quantity})).code == "QUANT_FUORI"


def test_a_product_withdrawn_from_sale_is_refused_also_as_an_add_on(price_list):
    products = tuple(replace(product, sellable=product.code not in {"FE", "PEC-GB"}) for product in price_list.products)
    changed = replace(price_list, products=products)
    assert _refused(changed, Cart("FE", years=1)).code == "PROD_NON_DISP"
    assert _refused(changed, Cart("PEC-STD", years=1, addons={"PEC-GB": 1})).code == "OPZ_NON_PREVISTA"
    renewal = quotes.renewal_totals(changed, Cart("FE", years=1), on=date(2026, 11, 22))
    assert renewal == money.totals(2990)


# --- promotions -------------------------------------------------------------------------------------------------------


def test_a_promotion_counts_for_the_first_year_then_the_list_price(price_list):
    quote = quotes.quote(price_list, Cart("PEC-PRO", years=2), at=PROMOTED)
    assert quote.totals == money.totals(1990 + 2990)
    assert quote.list_totals == money.totals(2 * 2990)
    assert quote.renewal == money.totals(2 * 2990)
    assert quote.promotion is not None
    assert quote.promotion.id == "PRO-INVERNO"


def test_a_promotion_of_two_years_covers_both(price_list):
    longer = tuple(replace(promotion, promo_years=2) for promotion in price_list.promotions)
    assert _gross(replace(price_list, promotions=longer), Cart("PEC-PRO", years=2), PROMOTED) == 4856


def test_a_promoted_product_is_sold_for_two_years_at_most(price_list):
    quote = quotes.quote(price_list, Cart("PEC-PRO", years=2), at=PROMOTED)
    assert (quote.freq_min, quote.freq_max) == (1, 2)
    assert _refused(price_list, Cart("PEC-PRO", years=3), PROMOTED).params["max"] == 2
    assert quotes.quote(price_list, Cart("PEC-PRO", years=5), at=AT).freq_max == 5


def test_a_promotion_never_makes_a_first_year_dearer(price_list):
    dear = catalog.Promotion("DEAR", "SPID-PRO", AT, AT + timedelta(days=1), 2500, promo_years=2)
    promoted = replace(price_list, promotions=(dear,))
    assert quotes.quote(promoted, Cart("SPID-PRO", years=2), at=AT).totals.net_cents == 2200 + 2500


def test_a_promotion_lowers_a_one_off_price(price_list):
    promotion = catalog.Promotion("KIT", "FD-KIT", AT, AT + timedelta(days=1), 4000)
    quote = quotes.quote(replace(price_list, promotions=(promotion,)), Cart("FD-KIT"), at=AT)
    assert (quote.totals.net_cents, quote.list_totals.net_cents) == (4900, 6100)


def test_the_start_offer_is_three_months_for_one_euro_and_then_the_yearly_price(price_list):
    quote = quotes.quote(price_list, Cart("FE", years=1, start_offer="FE-AVVIO"), at=AT)
    assert quote.totals == money.totals(100)
    assert quote.months == 3
    assert quote.expires_on(date(2026, 11, 30)) == date(2027, 2, 28)
    assert quote.renewal == money.totals(2990)
    assert quote.freq_max == 2


def test_add_ons_of_a_start_offer_are_paid_by_the_month(price_list):
    quote = quotes.quote(price_list, Cart("FE", years=1, addons={"FE-USER": 2}, start_offer="FE-AVVIO"), at=AT)
    assert quote.lines[1] == quotes.QuoteLine("FE-USER", 2, None, 500, 500)
    assert quote.renewal == money.totals(2990 + 2 * 1000)


@pytest.mark.parametrize("offer", ["PRO-INVERNO", "", "X", 3])
def test_a_start_offer_of_another_product_is_refused(price_list, offer):
    assert _refused(price_list, Cart("FE", years=1, start_offer=offer), PROMOTED).code == "OFFERTA_NON_DISP"


# --- codes ------------------------------------------------------------------------------------------------------------


def test_ten_percent_off_the_first_term(price_list, catalogue):
    quote = quotes.quote(price_list, Cart("PEC-STD", years=1), at=AT, code=_code(catalogue, "BENVENUTO10"))
    assert quote.discount_net_cents == 99
    assert quote.totals == money.totals(891)
    assert quote.list_totals == quote.renewal == money.totals(990)
    assert quote.code == "BENVENUTO10"


def test_the_agreement_price_is_per_mailbox_and_year(price_list, catalogue):
    code = _code(catalogue, "ORDINE150")
    cart = Cart("PEC-STD", quantity=2, years=3, addons={"PEC-GB": 1})
    quote = quotes.quote(price_list, cart, at=AT, code=code)
    assert quote.totals.net_cents == 2 * 3 * 150 + 2 * 3 * 300
    assert _gross(price_list, Cart("PEC-STD", years=1), code=code) == 183


def test_a_code_does_not_pay_for_the_courier_unless_it_says_so(price_list, catalogue):
    everything = replace(_code(catalogue, "BENVENUTO10"), value=100)
    assert quotes.quote(price_list, Cart("FD-CARD"), at=AT, code=everything).totals.net_cents == 900
    courier = replace(everything, product_codes=("FD-CARD", "SHIP"))
    assert quotes.quote(price_list, Cart("FD-CARD"), at=AT, code=courier).totals == money.totals(0)


def test_a_fixed_discount_is_never_more_than_the_price(price_list, catalogue):
    fixed = replace(_code(catalogue, "BENVENUTO10"), kind=catalog.CodeKind.FIXED, value=500)
    assert quotes.quote(price_list, Cart("PEC-STD", years=1), at=AT, code=fixed).totals.net_cents == 490
    huge = replace(fixed, value=10**9)
    quote = quotes.quote(price_list, Cart("PEC-STD", years=1), at=AT, code=huge)
    assert (quote.totals.gross_cents, quote.discount_net_cents) == (0, 990)


def test_a_code_for_other_products_out_of_time_or_without_effect_is_refused(price_list, catalogue):
    special = _code(catalogue, "ORDINE150")
    cart = Cart("PEC-STD", years=1)
    assert _refused(price_list, Cart("PEC-PRE", years=1), code=special).code == "COD_NON_VALIDO"
    assert _refused(price_list, cart, code=replace(special, ends_at=AT)).code == "COD_NON_VALIDO"
    assert (
        _refused(price_list, cart, code=replace(special, starts_at=AT + timedelta(seconds=1))).code == "COD_NON_VALIDO"
    )
    assert _refused(price_list, cart, code=replace(special, value=990)).code == "COD_NON_VALIDO"
    assert _refused(price_list, Cart("SPID-P", years=1), code=_code(catalogue, "BENVENUTO10")).code == "COD_NON_VALIDO"


def test_a_code_goes_with_a_promotion_only_where_it_says_so(price_list, catalogue):
    code = _code(catalogue, "BENVENUTO10")
    cart = Cart("PEC-PRO", years=1)
    assert _refused(price_list, cart, PROMOTED, code).code == "COD_NON_CUMULABILE"
    assert quotes.quote(price_list, cart, at=PROMOTED, code=replace(code, combinable=True)).totals.net_cents == 1791
    assert quotes.quote(price_list, cart, at=AT, code=code).totals.net_cents == 2691


def test_a_code_out_of_its_scope_says_nothing_of_promotions(price_list, catalogue):
    assert (
        _refused(price_list, Cart("PEC-PRO", years=1), PROMOTED, _code(catalogue, "ORDINE150")).code == "COD_NON_VALIDO"
    )


# --- add-ons bought in mid-term ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("months", "share"), [(1, 25), (5, 125), (12, 300), (18, 450), (0, 25), (-3, 25)])
def test_an_add_on_in_mid_term_pays_for_the_months_begun(months, share):
    assert quotes.addon_share_cents(300, months) == share


def test_a_share_is_rounded_half_up():
    assert quotes.addon_share_cents(2990, 3) == 748
    assert quotes.addon_share_cents(1000, 1) == 83


# --- laws -------------------------------------------------------------------------------------------------------------

CARTS = st.one_of(
    st.builds(
        Cart,
        st.sampled_from(["PEC-STD", "PEC-PRO", "PEC-PRE"]),
        st.integers(1, 99),
        st.integers(1, 5),
        st.dictionaries(st.just("PEC-GB"), st.integers(0, 1)),
    ),
    st.builds(Cart, st.just("FE"), st.just(1), st.integers(1, 2), start_offer=st.sampled_from([None, "FE-AVVIO"])),
    st.builds(Cart, st.just("SPID-PRO"), st.just(1), st.integers(1, 2), st.just({"SPID-WEB": 1})),
    st.builds(Cart, st.sampled_from(["MT-50", "MT-500"]), st.integers(1, 10)),
    st.builds(Cart, st.sampled_from(["FD-CARD", "FD-KEY", "FR", "FR-OTP"])),
)
CODES = st.builds(
    catalog.DiscountCode,
    code=st.just("X"),
    kind=st.sampled_from(catalog.CodeKind),
    value=st.integers(0, 5000),
    product_codes=st.sampled_from([(), ("PEC-STD",), ("PEC-PRO", "PEC-GB"), ("FD-CARD", "SHIP")]),
    starts_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    ends_at=st.just(datetime(2028, 1, 1, tzinfo=UTC)),
    combinable=st.booleans(),
)


@given(cart=CARTS, code=st.none() | CODES, at=st.sampled_from([AT, PROMOTED]))
def test_a_quote_is_the_sum_of_its_lines_less_the_discount_and_never_negative(price_list, cart, code, at):
    try:
        quote = quotes.quote(price_list, cart, at=at, code=code)
    except errors.PecError:
        return
    net = sum(line.net_cents for line in quote.lines)
    assert quote.totals == money.totals(net - quote.discount_net_cents)
    assert 0 <= quote.discount_net_cents <= net
    assert all(0 <= line.net_cents <= line.list_net_cents for line in quote.lines)
    assert quote.totals.gross_cents <= quote.list_totals.gross_cents
    assert (code is None) == (quote.code is None)


@given(cart=CARTS, code=CODES)
def test_a_code_never_changes_the_ordinary_price_nor_the_renewal(price_list, cart, code):
    plain = quotes.quote(price_list, cart, at=AT)
    try:
        lowered = quotes.quote(price_list, cart, at=AT, code=code)
    except errors.PecError:
        return
    assert (lowered.list_totals, lowered.renewal, lowered.lines) == (plain.list_totals, plain.renewal, plain.lines)
    assert lowered.totals.gross_cents < plain.totals.gross_cents


@given(code=st.sampled_from(["PEC-STD", "PEC-PRE", "FE", "DOC"]), years=st.integers(1, 4))
def test_one_more_year_costs_one_more_list_price(price_list, code, years):
    now, longer = (quotes.quote(price_list, Cart(code, years=n), at=AT).totals.net_cents for n in (years, years + 1))
    assert longer - now == price_list.price(code, AT.date()).net_cents
