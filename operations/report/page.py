"""Renders a report as one HTML file: no script, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import jinja2
from markupsafe import Markup

from operations.report import charts, gather
from operations.report.day import IN_ORDER, Day, State
from operations.report.printed import printed
from operations.report.queries import LISTED_MAX
from operations.version import VERSION
from transforms.payment.rules import MINOR_DIGITS
from transforms.payment.tables import DEAD_LETTERS, OUTCOME_TABLES

_HEADLINES = {
    State.CONSERVED: "Each record has exactly one row",
    State.NOT_CONSERVED: "The books do not add up",
    State.NOT_PROVEN: "Counted from the tables alone: not proven by this page",
    State.EMPTY: "Nothing arrived",
}
_WITH_MONEY = [table.outcome for table in OUTCOME_TABLES if "amount" in table.column_names]


def of(found: Day) -> str:
    """Returns the page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("operations.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "money": money,
        "moment": moment,
        "printed": printed,
        "offset": lambda value: "–" if value is None else str(value),
    }
    drawn = {name: Markup(svg) for name, svg in charts.of(found).items()}
    return environment.get_template("page.html").render(
        day=found,
        charts=drawn,
        headline=_HEADLINES[found.state],
        outcomes=IN_ORDER,
        with_money=_WITH_MONEY,
        dead_letters=DEAD_LETTERS.name,
        late_names=charts.LATE_NAMES,
        listed_max=LISTED_MAX,
        cost=gather.bytes_text(found.read_bytes),
        version=VERSION,
        per="hour" if found.bucket_sec < 86_400 else "day",
        title=title(found),
    )


def title(found: Day) -> str:
    """Returns what the page is about: a day, or two moments."""
    midnight = dt.time()
    one_day = found.until - found.since == dt.timedelta(days=1)
    if one_day and found.since.time() == midnight:
        return f"{found.since:%A, %d %B %Y}"
    return f"{found.since:%d %b %Y %H:%M} to {found.until:%d %b %Y %H:%M}"


def number(value: int | None) -> str:
    """Returns a whole number with its thousands apart."""
    return "–" if value is None else f"{value:,}"


def money(amount: Decimal | None, currency: str | None) -> str:
    """Returns an amount, exact, with at least the digits that its currency has."""
    if amount is None:
        return "–"
    least = -MINOR_DIGITS.get(currency or "", 0)
    exponent = amount.normalize().as_tuple().exponent
    digits = Decimal(1).scaleb(min(int(exponent), least))
    return f"{amount.quantize(digits):,f}"


def moment(value: dt.datetime | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Returns a moment in UTC."""
    return "–" if value is None else f"{value.astimezone(dt.UTC):{form}}"
