"""What the address of the open page says, as the browser knows it.

A State holds the picture of the page before until its own load is answered; what must never be shown under another
address is compared with these.
"""

import reflex as rx
from reflex.vars import VarData


def part(name: str) -> rx.Var[str]:
    """The part `[name]` of the page's route."""
    hook = "const addressParts = useParams();"
    return _known(f'(addressParts["{name}"] ?? "")', "useParams", hook)


def asked(name: str) -> rx.Var[str]:
    """The value of `name` in the query; empty when it is not there."""
    hook = "const [addressQuery] = useSearchParams();"
    return _known(f'(addressQuery.get("{name}") ?? "")', "useSearchParams", hook)


def _known(expression: str, tag: str, hook: str) -> rx.Var[str]:
    data = VarData(imports={"react-router": [tag]}, hooks={hook: None})
    return rx.Var(_js_expr=expression, _var_type=str, _var_data=data)
