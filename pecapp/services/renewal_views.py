"""What the pages about methods, services and renewals see; as `views`: finished text, frozen, no rows."""

from dataclasses import dataclass, field

from pecapp.services import views


@dataclass(frozen=True)
class CeilingView:
    """«Importo massimo prelevabile»: what is to be authorised, and why so much."""

    amount: str
    """Empty where nothing has to be authorised."""
    set_by: str
    """The service whose renewal is the dearest."""
    services: list[str] = field(default_factory=list)
    """Each service considered with what its renewal costs."""


NO_CEILING = CeilingView("", "")


@dataclass(frozen=True)
class SavingPlanView:
    """The page that keeps a new method, before the gateway's page is opened."""

    gateways: list[str] = field(default_factory=list)
    """What can be kept: `stripe`, `paypal`."""
    replaces: str = ""
    """The method that it takes the place of; empty when it is only added."""
    moved: list[str] = field(default_factory=list)
    """The services whose renewals pass to it."""
    ceiling: CeilingView = NO_CEILING
    consent: str = ""
    """The words beside the box."""


@dataclass(frozen=True)
class SavingView:
    """How the keeping of a method ended, or stands."""

    id: str = ""
    tone: str = "neutral"
    headline: str = ""
    explanation: str = ""
    poll: bool = False
    """Whether the gateway has not said yet how it ended."""


@dataclass(frozen=True)
class TroubleView:
    """A debit of the coming term that came to nothing, or that its owner has given up; without `why` there is none."""

    why: str = ""
    status: str = ""
    """`refused`, or `by_hand` where its owner wants no debit for this term."""
    order_number: str = ""
    """The order that waits to be paid instead; empty for none."""
    following: str = ""
    """Whether, and when, it is tried again, in words."""
    again: str = ""
    """The day of the next try; empty for none."""
    fix_url: str = ""
    """Where its owner can put it right; empty where only paying helps."""
    fix_label: str = ""


NO_TROUBLE = TroubleView()


@dataclass(frozen=True)
class EndView:
    """What can be done about a service that has come to its end; empty before that."""

    text: str = ""
    """That it is cancelled, or until when it can be reactivated."""
    can_reactivate: bool = False
    buy_url: str = ""
    """Where the same product is bought anew; empty where it is not sold any more, or can still be reactivated."""


NOT_ENDED = EndView()


@dataclass(frozen=True)
class ServiceView:
    """A service of the customer in the list of the area."""

    id: int
    name: str
    label: str
    status: str
    expires: str
    renewal: str
    order_number: str
    warning: str = ""
    """What stands in the way of the next debit, in words; empty when nothing does or none is coming."""
    trouble: TroubleView = NO_TROUBLE
    """What has become of a debit; there is then no `warning`."""
    end: EndView = NOT_ENDED


@dataclass(frozen=True)
class ServicePageView:
    """«Gestisci»: one service of the customer with everything that can be done about it."""

    id: int = 0
    name: str = ""
    label: str = ""
    status: str = ""
    expires: str = ""
    order_number: str = ""
    end: EndView = NOT_ENDED
    withdraw: str = ""
    """The order that can be withdrawn from now; empty for none."""
    free_exit: str = ""
    """Until when it can be left without cost, having been told of a renewal too late; empty where not."""
    renewable: bool = False
    """Whether the product has automatic renewal at all."""
    renewal: str = ""
    """`active`, `inactive`, `disabled`, `incomplete`; empty where the product has none."""
    renewal_note: str = ""
    """Since when, and why: «Disattivato il 3 marzo 2027: hai rimosso il metodo di pagamento»."""
    method_id: int = 0
    method: str = ""
    ceiling: str = ""
    debit_on: str = ""
    """Empty, as `amount`, where the renewal is off or its next debit is skipped."""
    amount: str = ""
    frequency: str = ""
    years: int = 0
    freq_min: int = 0
    freq_max: int = 0
    warnings: list[str] = field(default_factory=list)
    """What stands in the way of the next debit, in words; with it goes «Aggiorna i tuoi dati»."""
    trouble: TroubleView = NO_TROUBLE
    exception: str = ""
    """What was decided for the next debit only, in words: skipped, or on another method."""
    can_enable: bool = False
    can_disable: bool = False
    can_renew: bool = False
    """«Rinnova»: no renewal order is open and the service can be prolonged now."""
    renew_label: str = ""
    """`renew`, `renew_now` while automatic renewal is on, `reactivate` after the expiry."""
    renew_first: bool = False
    """Whether renewing by hand is what to do now: the expiry is near, or past."""
    orders: list[views.OrderRowView] = field(default_factory=list)
    """The orders of the service, newest first."""


@dataclass(frozen=True)
class ActivationView:
    """What switching automatic renewal on will do, before the last click."""

    service_id: int = 0
    label: str = ""
    expires: str = ""
    years: int = 0
    freq_min: int = 0
    freq_max: int = 0
    means: list[views.MeansView] = field(default_factory=list)
    chosen: str = ""
    """The means that is chosen; empty while none is."""
    amount: str = ""
    """What each debit will take."""
    amount_today: str = ""
    debit_on: str = ""
    stop_by: str = ""
    """The last day on which it can be switched off without a debit (disdetta); empty once it is past."""
    late: str = ""
    """Words that ask for express confirmation when the day of the debit is past; empty otherwise."""
    extensions: list[views.ExtensionView] = field(default_factory=list)
    ceiling: CeilingView = NO_CEILING
    """What has to be authorised with the bank or PayPal first."""
    consent: str = ""
    """The words beside the box that lets us keep a new method; empty for a kept one."""
    problem: str = ""
    """Why it cannot be switched on at all; empty when it can."""


@dataclass(frozen=True)
class RenewalFormView:
    """«Rinnova»: the order form of a renewal. Nothing is preselected in it but the frequency."""

    service_id: int = 0
    label: str = ""
    name: str = ""
    expires: str = ""
    new_expires: str = ""
    years: int = 0
    freq_min: int = 0
    freq_max: int = 0
    lines: list[views.LineView] = field(default_factory=list)
    totals: views.TotalsView = field(default_factory=views.TotalsView)
    means: list[views.MeansView] = field(default_factory=list)
    terms: views.DocumentView | None = None
    terms_label: str = ""
    clauses_label: str = ""
    clauses: list[str] = field(default_factory=list)
    privacy: views.DocumentView | None = None
    privacy_label: str = ""
    withdrawal: str = ""
    withdrawal_label: str = ""
    asks_renewal: bool = False
    """Whether the question about automatic renewal has to be answered."""
    renewal: str = ""
    """What automatic renewal would do, in words."""
    reference_email: str = ""
    moves: str = ""
    """To when the next automatic debit moves, in words; empty while automatic renewal is off."""
    reactivate: str = ""
    """When the service expired and until when it can be reactivated, in words; empty before the expiry."""
    problem: str = ""
    """Why it cannot be renewed now; empty when it can."""
    open_order: str = ""
    """Number of the renewal order that is in the way, if that is why."""


@dataclass(frozen=True)
class ChargeView:
    """One coming debit."""

    service_id: int
    service: str
    on: str
    iso: str
    """The same day as «2027-03-24»."""
    expires: str
    """Until when the service is valid without the debit."""
    amount: str
    means: str
    ceiling: str
    light: str
    """`covered`, `at_risk`, `uncovered`, `skipped`."""
    why: str
    """What the light means here, in a sentence."""
    fix_url: str
    """Where its owner can turn the light green; empty where there is nothing to do or nothing can be done."""
    fix_label: str
    first: bool
    """Whether it is the service's next debit: only that one can be skipped or put on another method."""
    changeable: bool
    """Whether that can still be done, or undone."""
    skipped: bool = False
    other_method: bool = False
    """Whether another method was chosen for this time."""
    can_change_method: bool = False
    """Whether there is one to choose."""
    others: list[views.MeansView] = field(default_factory=list)
    """The kept methods that can be chosen for this time: not the usual one, and the amount is authorised."""
    pay_order: str = ""
    """The order of a debit that was refused and is tried again: it can be paid instead."""


@dataclass(frozen=True)
class ByHandView:
    """A renewal for which no debit is coming any more: its owner pays it, or the service ends."""

    service_id: int
    service: str
    expires: str
    amount: str
    trouble: TroubleView


@dataclass(frozen=True)
class MonthView:
    """One month of the forecast with its debits."""

    name: str
    """«marzo 2027»."""
    amount: str
    """What will be debited in it."""
    charges: list[ChargeView] = field(default_factory=list)


@dataclass(frozen=True)
class BarView:
    """One column of the year at a glance."""

    short: str
    """«mar»."""
    share: int
    """What will be debited, in percent of the dearest month."""


@dataclass(frozen=True)
class ForecastView:
    """«Prossimi addebiti»: the coming twelve months."""

    by_hand: list[ByHandView] = field(default_factory=list)
    """What has to be paid by hand, the next to expire first."""
    months: list[MonthView] = field(default_factory=list)
    """The months that have debits; empty when nothing is coming."""
    year: list[BarView] = field(default_factory=list)
    """Twelve columns from this month on; the first also holds the days of the same month a year later."""
    later: str = ""
    """When the next debit comes, in words, where none comes within the year; empty when no renewal is on."""
    total: str = ""
    until: str = ""
    feed: bool = False
    """Whether there is a calendar address."""
    feed_since: str = ""

    @property
    def charges(self) -> list[ChargeView]:
        """All of them, the next first."""
        return [charge for month in self.months for charge in month.charges]
