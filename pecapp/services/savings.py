"""Keeping a means of payment without taking money: record the wish, open the gateway's page, take over what it kept.

The page's answer can come by the browser, by a notification, by our own asking, in any order and more than once: all
end in the same rows. What fails or is left in the middle changes nothing.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, settings, tables
from pecapp.domain import payments, renewals
from pecapp.domain import savings as rules
from pecapp.gateways import base, registry
from pecapp.services import (
    access,
    agreements,
    auto_renewal,
    devices,
    failpoint,
    live,
    mandates,
    methods,
    outbox,
    subscriptions,
)

log = logging.getLogger(__name__)

PAGE_LIFETIME = timedelta(hours=3)
"""How long the gateway's page is waited for; PayPal's ends then."""
UNANSWERED_GIVE_UP = timedelta(days=1)
"""How long after the page's end a gateway that gives no answer is asked on."""
_ASK_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
_LATER = timedelta(hours=1)
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Wish:
    """What is to be kept, what for, and how much is authorised with it."""

    gateway: str
    purpose: rules.Purpose
    replaces_id: int | None = None
    activates: tuple[int, ...] = ()
    years: int | None = None
    ceiling_cents: int | None = None
    concerned: tuple[int, ...] = ()


async def open_page(actor: access.Actor, wish: Wish, given: Iterable[agreements.Given], lang: i18n.Lang) -> str:
    """Record the wish and what was agreed to, open the gateway's page, and give its address.

    Wished again before it is done, it is the same page; a different wish takes the place of one that waits. Raises
    Unavailable when the gateway does not answer; nothing has changed then.
    """
    saving, request = await db.run(_record, actor, wish, list(given), lang)
    failpoint.reach("saving_recorded")
    if saving.redirect_url:
        return saving.redirect_url
    try:
        started = await registry.get(saving.gateway).start_saving(request)
    except base.GatewayError as problem:
        log.warning("gateway %s opened no page for saving %s: %s", saving.gateway, saving.id, problem)
        await db.run(_advance, saving.id, rules.Signal.GIVEN_UP)
        raise errors.Unavailable("MET_NON_DISPONIBILE") from problem
    failpoint.reach("saving_opened")
    await db.run(_opened, saving.id, started)
    return started.url


def _record(
    actor: access.Actor, wish: Wish, given: list[agreements.Given], lang: i18n.Lang
) -> tuple[tables.MethodSaving, base.Save]:
    account_id, at = access.require(actor), clock.now()
    with db.transaction() as s:
        s.exec(db.locked(select(tables.Account.id).where(tables.Account.id == account_id))).one()
        unfinished = s.exec(_unfinished(account_id)).all()
        for known in unfinished:
            usable = known.status in rules.PENDING and known.expires_at > at + PAGE_LIFETIME / 2
            if usable and _wished(known) == wish:
                return known, _request(s, known)
        for known in unfinished:  # whoever begins anew has left the page before
            known.status = rules.move(rules.Status(known.status), rules.Signal.RAN_OUT).value
            known.finished_at, known.next_check_at = at, None
            s.add(known)
        saving = _row(actor, account_id, wish, given, lang)
        s.add(saving)
        agreements.record(s, actor, account_id, given, at)
        return saving, _request(s, saving)


def _unfinished(account_id: int) -> Any:
    """Those whose page may still be finished; what was given up can be taken up again there."""
    saving, open_or_left = tables.MethodSaving, {*rules.PENDING, rules.Status.CANCELLED}
    return db.locked(select(saving).where(saving.account_id == account_id, col(saving.status).in_(open_or_left)))


def _wished(saving: tables.MethodSaving) -> Wish:
    return Wish(
        gateway=saving.gateway,
        purpose=rules.Purpose(saving.purpose),
        replaces_id=saving.replaces_id,
        activates=tuple(saving.activates),
        years=saving.years,
        ceiling_cents=saving.ceiling_cents,
        concerned=tuple(saving.concerned),
    )


def _row(
    actor: access.Actor, account_id: int, wish: Wish, given: list[agreements.Given], lang: i18n.Lang
) -> tables.MethodSaving:
    saving_id, at = uuid4().hex, clock.now()
    return tables.MethodSaving(
        id=saving_id,
        account_id=account_id,
        gateway=wish.gateway,
        purpose=wish.purpose.value,
        replaces_id=wish.replaces_id,
        activates=list(wish.activates),
        years=wish.years,
        ceiling_cents=wish.ceiling_cents,
        concerned=list(wish.concerned),
        consent={
            "kinds": [one.kind for one in given],
            "words": [one.label for one in given],
            "terms_version": agreements.documents("a", lang).contract.version,
            "given_at": at.isoformat(),
            "ip": actor.ip,
            "user_agent": actor.user_agent,
        },
        lang=lang,
        idempotency_key=f"save:{saving_id}",
        created_at=at,
        expires_at=at + PAGE_LIFETIME,
        next_check_at=at + _ASK_AFTER[0],
    )


def _request(s: Session, saving: tables.MethodSaving) -> base.Save:
    public = settings.load().public_url
    account = s.get_one(tables.Account, saving.account_id)
    return base.Save(
        saving_id=saving.id,
        description=i18n.text("saving.description", i18n.language(saving.lang), brand=settings.load().brand_name),
        lang=saving.lang,
        email=account.email,
        return_url=f"{public}/ritorno-metodo/{saving.id}",
        cancel_url=f"{public}/annullato-metodo/{saving.id}",
        idempotency_key=saving.idempotency_key,
        customer_ref=methods.customer_ref(s, saving.account_id, saving.gateway),
    )


def _opened(saving_id: str, started: base.Started) -> None:
    with db.transaction() as s:
        saving = _hold(s, saving_id)
        saving.gateway_ref, saving.redirect_url = started.gateway_ref, started.url
        saving.status = rules.move(rules.Status(saving.status), rules.Signal.OPENED).value
        s.add(saving)


def _hold(s: Session, saving_id: str) -> tables.MethodSaving:
    saving = s.exec(db.locked(select(tables.MethodSaving).where(tables.MethodSaving.id == saving_id))).one_or_none()
    if saving is None:
        raise errors.NotFound
    return saving


def _advance(saving_id: str, signal: rules.Signal) -> None:
    with db.transaction() as s:
        saving = _hold(s, saving_id)
        becomes = rules.move(rules.Status(saving.status), signal)
        if becomes != saving.status:
            saving.status, saving.finished_at, saving.next_check_at = becomes.value, clock.now(), None
            s.add(saving)
            live.publish(s, live.account(saving.account_id))


# --- how it ends ------------------------------------------------------------------------------------------------------


async def returned(saving_id: str) -> None:
    """The browser is back from the gateway's page: ask what came of it. Raises NotFound. Safe to repeat."""
    await check(_checked(saving_id))


async def gave_up(saving_id: str) -> None:
    """«Annulla» on the gateway's page. Whoever goes back there and agrees after all has agreed. Raises NotFound."""
    await db.run(_advance, _checked(saving_id), rules.Signal.GIVEN_UP)


def _checked(saving_id: str) -> str:
    if not _ID.fullmatch(saving_id):
        raise errors.NotFound
    return saving_id


async def check(saving_id: str) -> bool:
    """Ask the gateway how a saving stands and take over what it kept; False when it gave no answer.

    Raises NotFound when there is no such saving here (yet). Safe to repeat, safe out of order.
    """
    saving = await db.run(_read, saving_id)
    if saving.status == rules.Status.SAVED or not saving.gateway_ref:
        return True
    try:
        kept = await registry.get(saving.gateway).finish_saving(saving.id, saving.gateway_ref)
    except base.GatewayError as problem:
        log.warning("gateway %s did not answer for saving %s: %s", saving.gateway, saving.id, problem)
        return False
    failpoint.reach("saving_asked")
    means = kept.card or kept.wallet
    if kept.status == "saved" and means is not None:
        await db.run(_take_over, saving.id, means, kept.sca_ref)
    elif kept.status == "failed":
        await db.run(_advance, saving.id, rules.Signal.RAN_OUT)
    return True


def _read(saving_id: str) -> tables.MethodSaving:
    with db.reading() as s:
        saving = s.get(tables.MethodSaving, saving_id)
    if saving is None:
        raise errors.NotFound
    return saving


def _take_over(saving_id: str, means: payments.Card | payments.Wallet, sca_ref: str) -> None:
    """What the gateway has kept becomes the customer's method, with all that it was wanted for, once.

    A saving that ran out, or that another took the place of, only adds its method.
    """
    with db.transaction() as s:
        saving = _hold(s, saving_id)
        if saving.status == rules.Status.SAVED:
            return
        at = clock.now()
        outdated = saving.status == rules.Status.EXPIRED or saving.expires_at <= at
        old = s.exec(
            db.locked(select(tables.PaymentMethod).where(tables.PaymentMethod.id == saving.replaces_id))
        ).one_or_none()
        method = methods.keep(
            s, account_id=saving.account_id, gateway=saving.gateway, means=means, consent=saving.consent
        )
        saving.status = rules.move(rules.Status(saving.status), rules.Signal.KEPT).value
        saving.method_id, saving.finished_at, saving.next_check_at = method.id, at, None
        s.add(saving)
        if not outdated:
            _authorise(s, saving, method, means, sca_ref)
        replaced = not outdated and old is not None and old.status != methods.REMOVED and old.id != method.id
        if replaced and old is not None:
            methods.take_over(s, old, method)
        else:
            _tell(s, saving, method)
        if saving.activates and not outdated:
            auto_renewal.enable(s, _still_wanted(s, saving), method, at, saving.years)
        devices.changed(s, _owner(saving), "method")
        live.publish(s, live.account(saving.account_id), live.WORK_MAIL, live.WORK_PAYMENTS)


def _still_wanted(s: Session, saving: tables.MethodSaving) -> list[tables.Service]:
    """The services to switch on: not those that their owner switched off after going to the page, nor those whose
    debit has become due meanwhile without having been confirmed."""
    today, confirmed = clock.today(), "debit_now" in saving.consent["kinds"]
    return [
        service
        for service in auto_renewal.several(s, saving.account_id, saving.activates)
        if service.renewal == subscriptions.RENEWAL_ACTIVE
        or not (
            subscriptions.decided_since(service, saving.created_at)
            or (renewals.is_due(service.expires_on or today, today) and not confirmed)
        )
    ]


def _authorise(
    s: Session,
    saving: tables.MethodSaving,
    method: tables.PaymentMethod,
    means: payments.Card | payments.Wallet,
    sca_ref: str,
) -> None:
    grant = mandates.Grant(
        source=f"saving:{saving.id}",
        ceiling_cents=saving.ceiling_cents or 0,
        services=tuple(saving.concerned),
        terms_version=saving.consent["terms_version"],
        sca_reference=sca_ref,
        authorised_at=clock.now(),
        network_ref=mandates.network_ref(means),
        ip=saving.consent["ip"],
        user_agent=saving.consent["user_agent"],
    )
    mandates.give(s, method, grant)
    auto_renewal.try_again(s, saving.concerned)


def _tell(s: Session, saving: tables.MethodSaving, method: tables.PaymentMethod) -> None:
    outbox.post(
        s,
        template="m09",
        dedup_key=f"m09:saving:{saving.id}",
        account_id=saving.account_id,
        params={"method_id": method.id, "ceiling_cents": method.ceiling_cents},
    )


def _owner(saving: tables.MethodSaving) -> access.Actor:
    """Whoever asked for it, as the browser that they used."""
    consent = saving.consent
    return access.Actor(
        account_id=saving.account_id, role="customer", ip=consent["ip"], user_agent=consent["user_agent"]
    )


async def sweep(limit: int = 50) -> int:
    """Ask for the savings of which nobody has told how they ended. Safe to repeat and on several processes."""
    due = await db.run(_claim, limit)
    for saving in due:
        try:
            answered = await check(saving.id)
        except errors.NotFound:  # its gateway is not configured any more: others must not wait for it
            answered = False
        late = clock.now() - saving.expires_at
        if late >= (timedelta() if answered else UNANSWERED_GIVE_UP):
            await db.run(_advance, saving.id, rules.Signal.RAN_OUT)
    return len(due)


def _claim(limit: int) -> list[tables.MethodSaving]:
    """Take the due ones by moving their next turn."""
    at, saving = clock.now(), tables.MethodSaving
    with db.transaction() as s:
        rows = s.exec(
            db.unclaimed(
                select(saving).where(col(saving.next_check_at) <= at).order_by(col(saving.next_check_at)).limit(limit)
            )
        ).all()
        for row in rows:
            row.checks += 1
            row.next_check_at = at + (_ASK_AFTER[row.checks] if row.checks < len(_ASK_AFTER) else _LATER)
            s.add(row)
    return list(rows)
