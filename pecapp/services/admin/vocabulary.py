"""Where the words are for what the staff's lists hold."""

from types import MappingProxyType

TITLES = MappingProxyType(
    {
        "clienti": "adm.customers",
        "ordini": "adm.orders",
        "pagamenti": "adm.payments",
        "servizi": "adm.services",
        "metodi": "adm.methods",
        "posta": "adm.mails",
        "registro": "adm.register",
    }
)
"""How the lists are called."""
COLUMNS = MappingProxyType(
    {
        ("clienti", "kind"): "holder.kind",
        ("ordini", "status"): "order.status",
        ("ordini", "kind"): "adm.kind",
        ("pagamenti", "status"): "attempt.status",
        ("pagamenti", "channel"): "adm.channel",
        ("servizi", "status"): "service.status",
        ("servizi", "renewal"): "adm.renewal",
        ("metodi", "status"): "adm.method",
        ("posta", "status"): "adm.mail",
        ("registro", "act"): "staff.act",
        ("registro", "role"): "staff.role",
    }
)
"""The words for a machine word, by the list and its column."""
