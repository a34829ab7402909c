"""The people of the demonstration: one customer, one member of staff, with a password that everybody knows."""

from sqlmodel import select

from pecapp import db, tables
from pecapp.domain import staff
from pecapp.services import accounts, second_factor

PASSWORD = "ceralacca-demo"  # noqa: S105  (the command that loads it is refused in production)
CUSTOMER_LOGIN = "1000001"
ADMIN_EMAIL = "admin@ceralacca.test"
ADMIN_SECRET = "CERALACCADEMOCERALACCADEMOCERALA"  # noqa: S105  (as the password; `/dev/codice` shows its codes)
HOLDER = {
    "kind": "private",
    "first_name": "Anna",
    "last_name": "Verdi",
    "tax_code": "VRDNNA80A41H501H",
    "address": "Via Garibaldi 12",
    "postal_code": "00153",
    "city": "Roma",
    "province": "RM",
    "country": "IT",
    "phone": "+393471234567",
    "email": "anna.verdi@example.test",
    "notice_channel": "email",
    "marketing": False,
}


def people() -> None:
    """Add the demonstration's customer and admin where they are missing. Safe to repeat."""
    with db.transaction() as s:
        wanted = {
            str(HOLDER["email"]): {"holder": HOLDER, "role": "customer", "login": CUSTOMER_LOGIN},
            ADMIN_EMAIL: {"holder": {}, "role": staff.Role.OWNER.value},
        }
        for email, details in wanted.items():
            known = s.exec(select(tables.Account.id).where(tables.Account.email_key == email)).first()
            if known is None:
                made = accounts.add(s, email=email, password=PASSWORD, lang="it", **details)
                if staff.is_staff(made.role):
                    second_factor.preset(s, made.id or 0, ADMIN_SECRET)
