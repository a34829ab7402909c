"""The product is killed at any moment while the notifications of both gateways rain in.

What was answered is kept, nothing is done twice, and no order moves backwards.
"""

import random

from tests.crash.shop import Shop
from tests.support import bank as banks

KILLS = 5
ORDERS = 8
MOST_ANSWERS = 16
"""A few events tell of each order: some kills fall into the rain, some behind it."""
LONGEST_PAUSE = 60


def test_killed_in_the_rain_of_notifications(shop: Shop) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    customer = shop.customer()
    numbers: list[str] = []
    paid_before: set[str] = set()
    for _ in range(KILLS):
        batch = [customer.order() for _ in range(ORDERS)]
        numbers += batch
        cards = [shop.goes_to_bank(customer, number) for number in batch[::2]]
        accounts = [shop.goes_to_bank(customer, number, "paypal") for number in batch[1::2]]
        assert all(cards + accounts)
        shop.bank.do("webhooks/hold")
        for session in cards:
            shop.pays(session)
        for order in accounts:
            shop.approves(order)
        seen = len(shop.bank.deliveries())
        shop.bank.do("webhooks/release", order=chance.choice(["emission", "reversed"]))
        answers = chance.randrange(1, MOST_ANSWERS)
        banks.eventually(lambda seen=seen, answers=answers: len(shop.bank.deliveries()) >= seen + answers, "rain")
        shop.site.app.kill()
        paid = shop.paid(*numbers)
        assert paid_before <= paid, f"seed {seed}: orders moved backwards"
        paid_before = paid
        shop.revives()
    try:
        shop.ends_right(*numbers)
    except AssertionError as wrong:
        raise AssertionError(f"seed {seed}: {wrong}") from None
    # what met several deaths is sent again after long pauses only
    banks.eventually(lambda: not shop.bank.look("deliveries")["pending"], "the last repetition", LONGEST_PAUSE)
