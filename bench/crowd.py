"""A shop with as many customers and orders as one likes, made inside the database: the same shape at every size."""

from collections.abc import Iterator

from sqlalchemy import JSON, Boolean, Date, Integer, Table, text
from sqlmodel import Session

from pecapp import db, tables
from pecapp.tables import columns
from tests.support import factories

FIRST_NAMES = ("Maria", "Anna", "Giulia", "Sara", "Luca", "Marco", "Nicolò", "Andrea", "Paolo", "Elena", "Ugo", "Ida")
LAST_NAMES = (
    *("Rossi", "Russo", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Bruno"),
    *("Gallo", "Conti", "De Luca", "Costa", "Giordano", "Mancini", "Rizzo", "Lombardi", "Moretti", "D'Angelo"),
)
FIRST_DAY = 1_700_000_000
"""When the first customer came, in Unix seconds."""
YEARS = 94_608_000
"""The time over which they ordered: three years, in seconds."""
NUMBER = 1_000_000_000
"""What is added to an order's place to make its number."""


def fill(customers: int) -> None:
    """So many customers, ten orders to each, and what belongs to them: tries, methods, services, mails, receipts."""
    factories.stock()
    with db.transaction() as s:
        made = _Crowd(s, customers)
        for step in (made.accounts, made.words, made.orders, made.lines, made.attempts, made.proofs, made.services):
            step()
        made.methods()
        made.renewals()
        made.mails()
        made.disputes()
        made.acts()
        made.restart_numbering()
    if not db.is_sqlite():
        with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


class _Crowd:
    """Rows by their place `i`, from 1 on; every value is a function of it."""

    def __init__(self, s: Session, customers: int) -> None:
        self.s = s
        self.sqlite = db.is_sqlite()
        self.customers, self.orders_count = customers, customers * 10

    def add(self, model: type[tables.SQLModel], count: int, **values: str) -> None:
        """So many rows; what is not named is empty, zero or the first day."""
        table = db.table(model)
        names = {name: values.get(name, self._nothing(table, name)) for name in table.c.keys()}  # noqa: SIM118  (no mapping)
        names = {name: value for name, value in names.items() if value}
        source = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"  # noqa: S608  (our own names)
        self.run(f"{source} SELECT {', '.join(names.values())} FROM n", table, names)  # noqa: S608  (our own names)

    def run(self, select: str, table: Table, names: dict[str, str]) -> None:
        """Insert what `select` gives."""
        self.s.execute(text(f"INSERT INTO {table.name} ({', '.join(names)}) {select}"))

    def _nothing(self, table: Table, name: str) -> str:
        column = table.c[name]
        if column.nullable:
            return ""
        if isinstance(column.type, columns.Instant):
            return self.at("0")
        if isinstance(column.type, Date):
            return self.day("0")
        if isinstance(column.type, Boolean):
            return "FALSE"
        if isinstance(column.type, Integer):
            return "0"
        return self.json("'{}'") if isinstance(column.type, JSON) else "''"

    def at(self, seconds: str) -> str:
        """An instant so long after the first day."""
        if self.sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S', {FIRST_DAY} + ({seconds}), 'unixepoch') || '.000000'"
        return f"to_timestamp({FIRST_DAY} + ({seconds}))"

    def day(self, seconds: str) -> str:
        """The day of that instant."""
        if self.sqlite:
            return f"date({FIRST_DAY} + ({seconds}), 'unixepoch')"
        return f"CAST(to_timestamp({FIRST_DAY} + ({seconds})) AS date)"

    def json(self, written: str) -> str:
        """JSON from a text."""
        return written if self.sqlite else f"CAST({written} AS JSON)"

    def key(self, seed: str) -> str:
        """A key in no order, as our random ones are."""
        return "lower(hex(randomblob(16)))" if self.sqlite else f"md5({seed})"

    # --- people ---

    def accounts(self) -> None:
        """Customers with the commonest names."""
        known = {
            "kind": "'private'",
            "first_name": _one_of(FIRST_NAMES, "i"),
            "last_name": _one_of(LAST_NAMES, "i / 12"),
            "tax_code": "'RSSMRA80A01H501U'",
            "phone": "'+39347' || " + _text("1000000 + i"),
        }
        holder = " || ', ' || ".join(f"'\"{name}\": \"' || {value} || '\"'" for name, value in known.items())
        email = "'cliente' || " + _text("i") + " || '@example.test'"
        self.add(
            tables.Account,
            self.customers,
            id="i",
            login=_text("1000000 + i") + " || '@login.test'",
            email=email,
            email_key=email,
            role="'customer'",
            lang="'it'",
            holder=self.json("'{' || " + holder + " || '}'"),
            created_at=self.at(f"CAST(i AS BIGINT) * {YEARS} / {self.customers}"),
        )

    def words(self) -> None:
        """The words of each."""
        folded = {"first": FIRST_NAMES, "last": LAST_NAMES}
        given = {
            "email": "'cliente' || " + _text("i") + " || '@example.test'",
            "login": _text("1000000 + i") + " || '@login.test'",
            "first": _one_of([one.lower().replace("ò", "o") for one in folded["first"]], "i"),
            "last": _one_of([one.lower().replace(" ", "").replace("'", "") for one in folded["last"]], "i / 12"),
            "phone": "'347' || " + _text("1000000 + i"),
        }
        for word in given.values():
            self.add(tables.AccountWord, self.customers, account_id="i", word=word)

    # --- what they bought ---

    def orders(self) -> None:
        """One in ten is not paid; six in ten renew."""
        mailbox = "'casella' || " + _text(_scattered(self.customers * 2)) + " || '@pec-ceralacca.test'"
        service = _text(_scattered(self.customers * 2))
        configuration = (
            "'{\"product\": \"PEC-STD\", \"names\": [], \"labels\": [\"' || " + mailbox + " || '\"], \"service\": ' || "
            "CASE WHEN i % 10 < 6 THEN " + service + " ELSE 'null' END || '}'"
        )  # fmt: skip
        when = f"CAST(i AS BIGINT) * {YEARS} / {self.orders_count}"
        self.add(
            tables.Order,
            self.orders_count,
            id="i",
            number=_text(f"{NUMBER} + i"),
            account_id=_scattered(self.customers),
            family="'a'",
            kind="CASE WHEN i % 10 < 6 THEN 'renewal' ELSE 'purchase' END",
            status=STATUS,
            lang="'it'",
            currency="'eur'",
            net_cents="1000 + i % 5000",
            vat_rate="22",
            vat_cents="220",
            gross_cents="1220 + i % 5000",
            gateway=GATEWAY,
            holder=self.json('\'{"kind": "private"}\''),
            configuration=self.json(configuration),
            extend_services=self.json("'[]'"),
            reference_email="'cliente@example.test'",
            idempotency_key=_text("i"),
            created_at=self.at(when),
            payable_until_at=self.at(f"{when} + 2592000"),
            paid_at=f"CASE WHEN {STATUS} IN ('paid', 'refunded') THEN {self.at(when)} END",
        )

    def lines(self) -> None:
        """One for each order."""
        self.add(
            tables.OrderLine,
            self.orders_count,
            id="i",
            order_id="i",
            product_code="'PEC-STD'",
            name_it="'PEC Standard'",
            name_en="'PEC Standard'",
            quantity="1",
            years="1",
            net_cents="1000 + i % 5000",
        )

    def attempts(self) -> None:
        """One for each order, and one in ten was tried twice."""
        self._attempts(self.orders_count, "i", 2, ATTEMPT)
        self._attempts(self.orders_count // 10, "i * 10", 1, "'declined'")

    def _attempts(self, count: int, order: str, number: int, status: str) -> None:
        when = f"CAST({order} AS BIGINT) * {YEARS} / {self.orders_count} + {number * 60}"
        named = _text(order) + f" || '_{number}'"
        self.add(
            tables.PaymentAttempt,
            count,
            id=self.key(named),
            order_id=order,
            number=str(number),
            gateway=GATEWAY.replace("i %", f"({order}) %"),
            channel="CASE WHEN i % 10 < 6 THEN 'renewal' ELSE 'order' END",
            status=status,
            amount_cents=f"1220 + ({order}) % 5000",
            currency="'eur'",
            idempotency_key=f"'pay_' || {named}",
            gateway_ref=f"'cs_test_' || {named}",
            payment_ref=f"'pi_test_' || {named}",
            reason=f"CASE WHEN {status} = 'declined' THEN 'insufficient_funds' END",
            card_brand="'visa'",
            card_last4=f"substr({_text(f'10000 + ({order}) % 10000')}, 2)",
            created_at=self.at(when),
            expires_at=self.at(when),
            finished_at=self.at(when),
        )

    def proofs(self) -> None:
        """A receipt, a notification and a mail's worth of news for what was paid, a refund for what was given back."""
        attempt = "payment_attempt a JOIN customer_order o ON o.id = a.order_id WHERE a.status = 'succeeded'"
        receipt = {
            "order_id": "o.id",
            "attempt_id": "a.id",
            "year": "2027",
            "number": "o.id",
            "issued_at": "o.created_at",
        }
        self._derived(tables.Receipt, receipt, attempt)
        event = {
            "gateway": "a.gateway", "event_id": "'evt_' || a.gateway_ref", "type": "'checkout.session.completed'",
            "attempt_id": "a.id", "body": "'{}'", "status": EVENT, "received_at": "a.created_at",
        }  # fmt: skip
        self._derived(tables.InboxEvent, event, attempt)
        refund = {
            "id": "a.id", "order_id": "o.id", "attempt_id": "a.id", "amount_cents": "a.amount_cents",
            "currency": "'eur'", "reason": "'withdrawal'", "status": "'succeeded'", "idempotency_key": "a.id",
            "gateway_ref": "'re_' || a.gateway_ref", "created_at": "a.created_at",
        }  # fmt: skip
        self._derived(tables.Refund, refund, f"{attempt} AND o.status = 'refunded'")

    def _derived(self, model: type[tables.SQLModel], values: dict[str, str], source: str) -> None:
        table = db.table(model)
        wanted = [name for name in table.c.keys() if name not in values and name != "id"]  # noqa: SIM118  (no mapping)
        rest = {name: nothing for name in wanted if (nothing := self._nothing(table, name))}
        names = values | rest
        self.run(f"SELECT {', '.join(names.values())} FROM {source}", table, names)  # noqa: S608  (our own names)

    def services(self) -> None:
        """Two for each customer, with their mailboxes."""
        label = "'casella' || " + _text("i") + " || '@pec-ceralacca.test'"
        status = "CASE WHEN i % 20 = 0 THEN 'expired' WHEN i % 25 = 1 THEN 'cancelled' ELSE 'active' END"
        self.add(
            tables.Service,
            self.customers * 2,
            id="i",
            account_id=f"1 + (i - 1) % {self.customers}",
            order_id="i",
            product_code="'PEC-STD'",
            label=label,
            status=status,
            activated_on=self.day("0"),
            expires_on=self.day(f"{YEARS} + (CAST(i AS BIGINT) * 7919) % 31536000"),
            years="1",
            renewal="CASE WHEN i % 3 = 0 THEN 'active' ELSE 'inactive' END",
        )
        self.add(tables.MailboxName, self.customers * 2, address=label, order_id="i", status="'used'")

    def renewals(self) -> None:
        """What the orders that renew are about."""
        count = self.customers * 2
        values = {
            "order_id": "o.id", "service_id": _scattered(count).replace("i", "o.id"), "status": "'done'",
            "expires_on": self.day(f"CAST(o.id / {count} AS BIGINT) * 31536000"), "automatic": "TRUE",
        }  # fmt: skip
        self._derived(tables.Renewal, values, "customer_order o WHERE o.kind = 'renewal'")

    def methods(self) -> None:
        """Three for every two customers."""
        self.add(
            tables.PaymentMethod,
            self.customers * 3 // 2,
            id="i",
            account_id=f"1 + (i - 1) % {self.customers}",
            gateway=GATEWAY,
            kind="'card'",
            token="'pm_test_' || " + _text("i"),
            customer_ref="'cus_test_' || " + _text("i"),
            fingerprint=_text("i"),
            brand="'visa'",
            last4=f"substr({_text('10000 + i % 10000')}, 2)",
            exp_month="1 + i % 12",
            exp_year="2026 + i % 6",
            country="'IT'",
            status="CASE WHEN i % 10 = 0 THEN 'removed' WHEN i % 97 = 1 THEN 'revoked' ELSE 'valid' END",
            ceiling_cents="5000",
            created_at=self.at(f"CAST(i AS BIGINT) * {YEARS} / {self.customers * 3 // 2}"),
        )

    def mails(self) -> None:
        """One for each order."""
        self.add(
            tables.OutboxMail,
            self.orders_count,
            id="i",
            dedup_key="'m02:' || " + _text("i"),
            template="'m02'",
            account_id=_scattered(self.customers),
            order_id="i",
            to_address="'cliente@example.test'",
            lang="'it'",
            status="CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'sent' END",
            created_at=self.at(f"CAST(i AS BIGINT) * {YEARS} / {self.orders_count}"),
            sent_at=self.at(f"CAST(i AS BIGINT) * {YEARS} / {self.orders_count}"),
            subject="'Conferma ordine'",
            body_text="'Gentile cliente, abbiamo ricevuto il tuo ordine.'",
        )

    def disputes(self) -> None:
        """One for every two hundred payments; of most it is long decided."""
        dispute = {
            "gateway": "a.gateway", "dispute_ref": "'dp_' || a.gateway_ref", "attempt_id": "a.id", "order_id": "o.id",
            "amount_cents": "a.amount_cents", "currency": "'eur'", "reason": "'fraudulent'",
            "status": "CASE WHEN o.id % 5000 = 0 THEN 'to_answer' WHEN o.id % 400 = 0 THEN 'won' ELSE 'lost' END",
            "opened_at": "a.created_at", "noted_at": "a.created_at",
        }  # fmt: skip
        source = "payment_attempt a JOIN customer_order o ON o.id = a.order_id"
        self._derived(tables.Dispute, dispute, f"{source} WHERE a.status = 'succeeded' AND o.id % 200 = 0")

    def acts(self) -> None:
        """One for every ten orders, by three who take turns."""
        order = "i * 10"
        self.add(
            tables.StaffAct,
            self.orders_count // 10,
            id="i",
            at=self.at(f"CAST({order} AS BIGINT) * {YEARS} / {self.orders_count}"),
            by_id="1 + i % 3",
            role="'owner'",
            act="CASE WHEN i % 1000 = 0 THEN 'order_cancelled' ELSE 'refunded' END",
            subject=f"'order:' || {_text(f'{NUMBER} + {order}')}",
            account_id=_scattered(self.customers).replace("i", order),
            why="'lo ha chiesto al telefono'",
        )

    def restart_numbering(self) -> None:
        """Let the database give the next rows numbers that are free."""
        if self.sqlite:
            return
        numbered = ("account", "customer_order", "order_line", "service", "payment_method", "outbox_mail", "staff_act")
        for name in numbered:
            highest = f"SELECT max(id) FROM {name}"  # noqa: S608  (our own names)
            self.s.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), ({highest}))"))


STATUS = (
    "CASE WHEN i % 5000 = 1 THEN 'verifying' WHEN i % 100 IN (1, 2, 3) THEN 'expired'"
    " WHEN i % 100 IN (4, 5) THEN 'cancelled' WHEN i % 100 = 6 THEN 'refunded'"
    " WHEN i % 100 = 7 THEN 'awaiting_payment' ELSE 'paid' END"
)
ATTEMPT = (
    "CASE WHEN i % 5000 = 1 THEN 'unknown' WHEN i % 100 IN (1, 2, 3) THEN 'expired'"
    " WHEN i % 100 IN (4, 5) THEN 'cancelled' WHEN i % 100 = 7 THEN 'declined' ELSE 'succeeded' END"
)
EVENT = (
    "CASE o.id % 100 WHEN 20 THEN 'waiting' WHEN 40 THEN 'unmatched' WHEN 60 THEN 'quarantined'"
    " WHEN 80 THEN 'ignored' ELSE 'done' END"
)
GATEWAY = "CASE WHEN i % 7 = 3 THEN 'paypal' ELSE 'stripe' END"


def _scattered(count: int) -> str:
    """One of `1..count`, another for each `i`, in no order."""
    return f"1 + (CAST(i AS BIGINT) * 7919) % {count}"


def _text(number: str) -> str:
    return f"CAST({number} AS TEXT)"


def _one_of(values: Iterator[str] | tuple[str, ...] | list[str], place: str) -> str:
    known = list(values)
    quoted = [value.replace("'", "''") for value in known]
    cases = " ".join(f"WHEN {number} THEN '{value}'" for number, value in enumerate(quoted))
    return f"CASE ({place}) % {len(known)} {cases} END"
