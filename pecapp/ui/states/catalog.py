"""What is for sale, for the page of the services."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import reflex as rx

from pecapp.services import catalog, views
from pecapp.ui.states import session


@dataclass(frozen=True)
class Shelf:
    """Products of one sort, in the order of the catalogue."""

    name: str
    products: list[views.ProductView]


SHELVES = (
    ("pec", {"pec", "pec_domain"}),
    ("invoicing", {"invoicing"}),
    ("spid", {"spid"}),
    ("preservation", {"preservation"}),
    ("signature", {"signature"}),
    ("timestamp", {"timestamp"}),
)
"""What stands together, and the kinds of product in it; the words are `shop.shelf.<name>`."""


class Catalog(rx.State):
    """The products on their shelves, with today's prices."""

    _policy: ClassVar[str] = "public"
    ready: bool = False
    shelves: list[Shelf] = []

    @rx.event
    async def load(self) -> None:
        """Read today's products and prices in the visitor's language."""
        shown = await asyncio.to_thread(catalog.shown, await session.lang(self))
        self.shelves = [
            Shelf(name, [product for product in shown if product.kind in kinds])
            for name, kinds in SHELVES
            if any(product.kind in kinds for product in shown)
        ]
        self.ready = True
