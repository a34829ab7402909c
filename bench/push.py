"""Live push: from the POST of a webhook to the change on the page, in Chromium, beside a bare websocket page."""

import asyncio
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright
from sqlmodel import col, select

from bench import contenders, load, report, shop
from pecapp import db, settings, tables
from pecapp.services import demo
from tests.support import browser

PUSHES = 60
SECRET = settings.DEVELOPMENT_WEBHOOK_SECRET
WATCH = """(text) => new Promise((seen) => {
  const now = () => performance.timeOrigin + performance.now();
  const look = () => document.body.innerText.includes(text) && (observer.disconnect(), seen(now()));
  const observer = new MutationObserver(look);
  observer.observe(document.body, {subtree: true, childList: true, characterData: true});
  look();
})"""


def run() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url, bare_url = f"sqlite:///{folder}/product.db", f"sqlite:///{folder}/bare.db"
        with contenders.product(url, folder) as site, contenders.bare(bare_url, folder, SECRET) as limit:
            db.configure(url)
            ours, theirs = asyncio.run(_measure(browser.find(), site.url, site.app.port, limit.port))
            db.dispose()
    rows = [_row(f"p{percent} ms", percent, ours, theirs) for percent in (50, 99)]
    head = ["", "order page", "bare websocket", "ratio"]
    report.table(f"Webhook POST to page, {PUSHES} pushes each, one tab, Chromium", head, rows)


def _row(name: str, percent: int, ours: list[float], theirs: list[float]) -> list[str]:
    a, b = report.percentile(ours, percent), report.percentile(theirs, percent)
    return [name, f"{a:.1f}", f"{b:.1f}", f"{a / b:.1f}"]


async def _measure(chromium_path: str | None, url: str, port: int, bare_port: int) -> tuple[list[float], list[float]]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=browser.ARGUMENTS)
        context = await chromium.new_context(locale="it-IT")
        page, bare_page = await context.new_page(), await context.new_page()
        await page.goto(f"{url}/accedi")
        await page.get_by_label("Username").fill(demo.CUSTOMER_LOGIN + "@" + settings.load().login_domain)
        await page.get_by_label("Password").fill(demo.PASSWORD)
        await page.get_by_role("main").get_by_role("button", name="Accedi").click()
        await page.wait_for_url("**/area-clienti**")
        await bare_page.goto(f"http://localhost:{bare_port}/")
        await bare_page.wait_for_function("document.title === 'open'")
        ours: list[float] = []
        theirs: list[float] = []
        for attempt in shop.open_attempts(PUSHES):
            await page.goto(f"{url}/ordini/{_number(attempt)}")
            await page.get_by_text("Pagamento in corso").first.wait_for()
            ours.append(await _push(page, port, attempt, "Pagamento registrato"))
            theirs.append(await _push(bare_page, bare_port, attempt, f"evt_{attempt}"))
        await chromium.close()
    return ours, theirs


def _number(attempt: str) -> str:
    with db.reading() as s:
        return s.exec(
            select(tables.Order.number)
            .join(tables.PaymentAttempt, col(tables.PaymentAttempt.order_id) == col(tables.Order.id))
            .where(tables.PaymentAttempt.id == attempt)
        ).one()


async def _push(page: Page, port: int, attempt: str, expected: str) -> float:
    message = shop.signed(port, shop.paid_event(attempt), SECRET)
    seen = asyncio.ensure_future(page.evaluate(WATCH, expected))
    await page.evaluate("1")  # the watcher is in place once the page answers again
    started = time.time()
    sent = asyncio.ensure_future(load.run(port, [message], 1))
    milliseconds = await seen / 1 - started * 1000
    await sent
    return milliseconds
