"""What the pages see: small frozen pictures, already in the reader's language; rows of the database never leave here.

Money and dates are finished text («12,08 €», «31 marzo 2027»). A status is the machine word; its label, icon and
colour are chosen by the page.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProductView:
    """A product as the catalogue shows it."""

    code: str
    family: str
    kind: str
    name: str
    summary: str
    period: str
    net: str
    gross: str
    ordinary_gross: str
    """The price without promotion, empty when there is none."""
    promotion: str
    """What the promotion is and until when, empty when there is none."""
    renewal: str
    """What the next renewal costs and how it happens, in one sentence; empty when there is nothing to renew."""
    auto_renewable: bool
    freq_min: int
    freq_max: int
    quantity_max: int


@dataclass(frozen=True)
class AddonView:
    """An add-on that goes with the product in the basket."""

    code: str
    name: str
    price: str
    quantity: int
    quantity_max: int


@dataclass(frozen=True)
class LineView:
    """One line of a basket or an order."""

    name: str
    detail: str
    quantity: int
    net: str


@dataclass(frozen=True)
class TotalsView:
    """Net, IVA and gross of a basket or an order."""

    net: str = ""
    vat_rate: str = ""
    vat: str = ""
    gross: str = ""
    discount: str = ""
    discount_code: str = ""
    ordinary_gross: str = ""


@dataclass(frozen=True)
class BasketView:
    """The basket with its totals, beside every step of the wizard."""

    product: str = ""
    family: str = ""
    name: str = ""
    config: str = "none"
    quantity: int = 0
    quantity_max: int = 1
    years: int = 0
    """Frequency of renewal; 0 where the product has none."""
    freq_min: int = 0
    freq_max: int = 0
    lines: list[LineView] = field(default_factory=list)
    addons: list[AddonView] = field(default_factory=list)
    totals: TotalsView = field(default_factory=TotalsView)
    duration: str = ""
    expires: str = ""
    """«Nuova data di scadenza» if activated today; empty where nothing expires."""
    promotion: str = ""
    renewal: str = ""
    """Price, date of debit and how to stop it, in words; empty where there is no renewal."""
    renewal_gross: str = ""
    debit_on: str = ""
    auto_renewable: bool = False
    needs_shipping: bool = False
    steps: list[str] = field(default_factory=list)
    """Names of the steps of this basket in order: `service account configure holder billing form`."""
    reached: str = ""
    """The first step that still lacks something: no later one may be opened."""
    typed: dict[str, str] = field(default_factory=dict)
    """Who else will hold the service and where to ship it, as typed, by field name."""
    placed: str = ""
    """Number of the order that this basket has become; empty while it is a basket."""


@dataclass(frozen=True)
class MailboxView:
    """A mailbox name as typed, beside what is known of it."""

    local: str = ""
    domain: str = ""


@dataclass(frozen=True)
class ConfigurationView:
    """Step «Configura il servizio»: what was typed so far and what can be chosen."""

    kind: str = "none"
    domains: list[str] = field(default_factory=list)
    mailboxes: list[MailboxView] = field(default_factory=list)
    domain_name: str = ""
    notice_pec: str = ""
    signer: dict[str, str] = field(default_factory=dict)
    recognition: str = ""
    recognitions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HolderView:
    """Holder's data as form fields (names as in `domain.identity`), and how they read."""

    fields: dict[str, str] = field(default_factory=dict)
    display_name: str = ""
    email: str = ""
    consumer: bool = True


@dataclass(frozen=True)
class DocumentView:
    """A versioned legal text."""

    id: str
    version: str
    title: str
    url: str


@dataclass(frozen=True)
class ExtensionView:
    """Another service of the same login to which automatic renewal may be extended, or why it may not."""

    service_id: int
    label: str
    expires: str
    amount: str
    debit_on: str
    frequency: str
    state: str
    excluded: str


@dataclass(frozen=True)
class MeansView:
    """One means of payment that can be chosen in a form."""

    value: str
    """`stripe` or `paypal` for a new one, `m<id>` for a kept method."""
    kind: str
    """`card` or `paypal`."""
    title: str
    detail: str


@dataclass(frozen=True)
class OrderFormView:
    """Step «Modulo ordine»: nothing is preselected in it."""

    basket: BasketView = field(default_factory=BasketView)
    years: int = 0
    terms: DocumentView | None = None
    terms_label: str = ""
    clauses_label: str = ""
    clauses: list[str] = field(default_factory=list)
    """Number and title of every clause to approve specifically."""
    privacy: DocumentView | None = None
    privacy_label: str = ""
    withdrawal: str = ""
    """The right of withdrawal in words, for consumers; empty for others."""
    withdrawal_label: str = ""
    holder_name: str = ""
    reference_email: str = ""
    subject: str = ""
    """What it is for, as typed: mailboxes, signer."""
    extensions: list[ExtensionView] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)
    """What was typed before a correction or a reload, by field name."""
    methods: list[str] = field(default_factory=list)
    """Gateways that can be chosen: `stripe`, `paypal`."""
    means: list[MeansView] = field(default_factory=list)
    """The customer's kept methods, then the gateways for a new one."""


@dataclass(frozen=True)
class ReceiptView:
    """A receipt of payment."""

    number: str
    issued: str
    amount: str
    method: str
    reference: str
    pdf_url: str


@dataclass(frozen=True)
class OrderRowView:
    """An order in a list."""

    number: str
    created: str
    title: str
    gross: str
    status: str
    subject: str = ""
    """What it buys or renews, by name: the mailboxes, the signer; empty where the title says all."""


@dataclass(frozen=True)
class MethodQuestionView:
    """Whether the kept method that paid a renewal by hand shall be debited from now on; without `text` nobody asks."""

    text: str = ""
    """What paid, what is debited otherwise, and when."""
    authorise: str = ""
    """How much has to be authorised on it first, in words; empty where «Sì» is enough."""
    authorise_url: str = ""


@dataclass(frozen=True)
class OrderView:
    """The order page: one picture for every tab and device of its customer."""

    number: str = ""
    status: str = ""
    """`awaiting_payment`, `verifying`, `paid`, `cancelled`, `expired`, `refunded`."""
    headline: str = ""
    """One of the outcomes of the domain rules, in the customer's words («Pagamento registrato»)."""
    explanation: str = ""
    """What happened and what to do now; tells not to pay again when that would be wrong."""
    tone: str = "neutral"
    """`neutral`, `progress`, `success`, `warning`, `problem`."""
    created: str = ""
    title: str = ""
    lines: list[LineView] = field(default_factory=list)
    totals: TotalsView = field(default_factory=TotalsView)
    gross: str = ""
    reference_email: str = ""
    can_pay: bool = False
    can_cancel: bool = False
    asks_about_renewal: bool = False
    """Whether cancelling it leaves automatic renewal on: then what is to become of that is asked too."""
    can_withdraw: bool = False
    can_resume: bool = False
    """The gateway's page of the open attempt can still be used."""
    can_stop: bool = False
    """The open attempt can be given up."""
    methods: list[str] = field(default_factory=list)
    """Gateways that can be chosen now: `stripe`, `paypal`."""
    means: list[MeansView] = field(default_factory=list)
    """The customer's kept methods, then the gateways for a new one."""
    chosen: str = ""
    """The means chosen in the order form."""
    renewal_offer: str = ""
    """What automatic renewal would do, where it was not asked for and can still be: the question is asked again."""
    attempt: str = ""
    attempt_at: str = ""
    auto_renew: str = ""
    """`yes`, `no`, or empty where there is no such option."""
    next_debit: str = ""
    service: str = ""
    expires: str = ""
    receipt: ReceiptView | None = None
    payable_until: str = ""
    renews: bool = False
    """Whether it renews a service: then it can be paid as long as that can be renewed or reactivated."""
    saving: str = ""
    """What came of keeping the method, in words, where it did not simply work."""
    method_question: MethodQuestionView = field(default_factory=MethodQuestionView)
    poll: bool = False
    """Whether something is expected to happen by itself soon."""


@dataclass(frozen=True)
class QuickOrderView:
    """What anybody who knows the order number may see before paying it."""

    number: str
    products: list[str]
    gross: str
    note: str
    methods: list[str]


@dataclass(frozen=True)
class MethodView:
    """A means of payment that the customer has let us keep."""

    id: int
    kind: str
    """`card` or `paypal`."""
    title: str
    """«Visa •••• 4242», «PayPal m•••@d•••.it»."""
    expires: str
    """«09/28», empty for an account."""
    state: str
    """`valid`, `expiring`, `expired`, `revoked`."""
    ceiling: str = ""
    """The most that one debit may take; empty when no debit is authorised."""
    services: list[str] = field(default_factory=list)
    """The services whose automatic renewal is charged on it, with their expiry."""


@dataclass(frozen=True)
class MailView:
    """A mail as its receiver, or a developer, can read it again."""

    id: int
    to_address: str
    template: str
    subject: str
    sent: str
    status: str
    text: str
    html: str = ""
    """Empty in lists."""
    enclosed: list[DocumentView] = field(default_factory=list)
    """The documents that went with it; empty in lists."""
