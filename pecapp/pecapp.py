"""Composition root: the one place that knows every part of the house. Nothing imports it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

import reflex as rx

from pecapp import db, memory, settings, workflows
from pecapp.gateways import registry
from pecapp.services import live, rehearsal
from pecapp.ui import guard, style, text
from pecapp.ui import live as tabs
from pecapp.ui.pages import (
    accessibility,
    activation,
    area,
    charge,
    checkout,
    forecast,
    guide,
    home,
    methods,
    new_method,
    not_found,
    order,
    orders,
    password,
    privacy,
    quick,
    quick_outcome,
    recover,
    register,
    renew,
    renewals,
    service,
    services,
    sign_in,
    withdrawal,
)
from pecapp.ui.pages.admin import batch as staff_batch
from pecapp.ui.pages.admin import board as staff_board
from pecapp.ui.pages.admin import customer as staff_customer
from pecapp.ui.pages.admin import customers as staff_customers
from pecapp.ui.pages.admin import disputes as staff_disputes
from pecapp.ui.pages.admin import event as staff_event
from pecapp.ui.pages.admin import events as staff_events
from pecapp.ui.pages.admin import ledger as staff_ledger
from pecapp.ui.pages.admin import mails as staff_mails
from pecapp.ui.pages.admin import methods as staff_methods
from pecapp.ui.pages.admin import order as staff_order
from pecapp.ui.pages.admin import orders as staff_orders
from pecapp.ui.pages.admin import payments as staff_payments
from pecapp.ui.pages.admin import people as staff_people
from pecapp.ui.pages.admin import register as staff_register
from pecapp.ui.pages.admin import search as staff_search
from pecapp.ui.pages.admin import selling as staff_selling
from pecapp.ui.pages.admin import services as staff_services
from pecapp.web import routes

PAGES = (
    home,
    services,
    checkout,
    order,
    orders,
    quick,
    quick_outcome,
    area,
    service,
    activation,
    renew,
    methods,
    new_method,
    forecast,
    renewals,
    charge,
    sign_in,
    register,
    recover,
    password,
    guide,
    accessibility,
    privacy,
    withdrawal,
    staff_board,
    staff_batch,
    staff_customers,
    staff_customer,
    staff_orders,
    staff_order,
    staff_payments,
    staff_services,
    staff_methods,
    staff_search,
    staff_events,
    staff_event,
    staff_mails,
    staff_ledger,
    staff_disputes,
    staff_people,
    staff_register,
    staff_selling,
)

try:
    current = settings.load()
    rehearsal.restore()
except settings.SettingsError as problem:
    sys.exit(f"pecapp: {problem}")

sys.setswitchinterval(0.0005)
"""The thread that writes to the database must not keep the event loop waiting for Python's usual 5 ms at each turn."""
db.configure(current.database_url)

app = rx.App(
    **style.options(),
    api_transformer=routes.wrap(known=guard.calls),
    backend_exception_handler=guard.went_wrong,
    frontend_exception_handler=guard.browser_complained,
)
for page in PAGES:
    app.add_page(page.page, route=page.ROUTE, title=text.t(page.TITLE_KEY), on_load=getattr(page, "ON_LOAD", None))
app.add_page(not_found.page, route="404", title=text.t(not_found.TITLE_KEY))
guard.install(app)


@asynccontextmanager
async def running() -> AsyncIterator[None]:
    """Everything of this process that lives as long as it serves: news to the tabs, background work, connections."""
    memory.settle()
    await rehearsal.resume()
    live.connect(current.redis_url)
    courier = asyncio.create_task(tabs.Courier(app).run())
    try:
        async with workflows.running() if current.workers else nullcontext():
            yield
    finally:
        courier.cancel()
        with suppress(asyncio.CancelledError):
            await courier
        live.disconnect()
        await registry.aclose_all()
        db.dispose()


app.register_lifespan_task(running)
