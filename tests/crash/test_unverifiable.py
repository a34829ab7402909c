"""PayPal's notifications while nobody can tell whether they are PayPal's: never believed, sent again, nothing lost."""

from tests.crash.shop import Shop
from tests.support import bank as banks

CERTIFICATES = "GET /v1/notifications/certs"
POSTBACK = "POST /v1/notifications/verify-webhook-signature"
ACCEPTED, AGAIN = 200, 503


def _statuses(shop: Shop, seen: int) -> set[int | None]:
    return {one["status"] for one in shop.bank.deliveries()[seen:] if "paypal" in one["url"]}


def _approved(shop: Shop) -> str:
    """An order that a product which has just started, and knows no certificate, hears of by notification only."""
    customer = shop.customer()
    number = customer.order()
    order = shop.goes_to_bank(customer, number, "paypal")
    shop.site.restart_app()
    shop.approves(order)
    return number


def test_without_certificate_and_postback_the_notification_is_not_accepted_until_one_of_them_is_back(
    shop: Shop,
) -> None:
    seen = len(shop.bank.deliveries())
    for call in (CERTIFICATES, POSTBACK):
        shop.bank.do("faults", match=call, behaviour="error_before", times=banks.FOREVER)
    number = _approved(shop)
    banks.eventually(lambda: AGAIN in _statuses(shop, seen), "the notification is asked for again")
    assert ACCEPTED not in _statuses(shop, seen)
    shop.bank.calm()
    shop.ends_right(number)
    assert len(shop.bank.charges(number)) == 1


def test_without_the_certificate_paypals_own_word_is_enough(shop: Shop) -> None:
    seen = len(shop.bank.deliveries())
    shop.bank.do("faults", match=CERTIFICATES, behaviour="error_before", times=banks.FOREVER)
    number = _approved(shop)
    banks.eventually(lambda: ACCEPTED in _statuses(shop, seen), "the notification is accepted")
    asked = [call for call in shop.bank.look("requests")["requests"] if POSTBACK.endswith(call["path"])]
    assert asked
    shop.ends_right(number)


def test_a_certificate_that_hangs_holds_nothing_up(shop: Shop) -> None:
    shop.bank.do("faults", match=CERTIFICATES, behaviour="hang", ms=8000, times=banks.FOREVER)
    number = _approved(shop)
    assert shop.http.get("/healthz").is_success
    shop.bank.do("faults/clear")
    shop.ends_right(number)
