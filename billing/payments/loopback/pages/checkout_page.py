"""The payment page of one session, composed from what the session and the form hold."""

from billing.payments.loopback import currencies
from billing.payments.loopback.pages import html
from billing.payments.loopback.pages.forms import PaymentForm
from billing.payments.loopback.pages.html import Markup
from billing.payments.loopback.store import Object

EMPTY = Markup("")
FIELDS = {
    "email": ("Email", ""),
    "card_number": ("Card number", " for-card"),
    "expiry": ("Expiry", " for-card half"),
    "cvc": ("CVC", " for-card half"),
    "name": ("Name on card", " for-card"),
    "iban": ("IBAN", " for-debit"),
    "holder": ("Account holder", " for-debit"),
}
TEST_CARDS = (
    ("4242 4242 4242 4242", "Paid"),
    ("4000 0000 0000 0002", "Declined"),
    ("4000 0000 0000 9995", "Declined: insufficient funds"),
    ("4000 0025 0000 3155", "3-D Secure now, none later once saved"),
    ("4000 0000 0000 3220", "3-D Secure every time"),
    ("4000 0000 0000 0259", "Paid, then disputed"),
)
TEST_ACCOUNTS = (
    ("DE89 3704 0044 0532 0130 00", "Debit arrives later"),
    ("DE62 3704 0044 0532 0130 01", "Debit bounces later"),
)


def compose(session: Object, merchant: str, form: PaymentForm, problem: str | None) -> Markup:
    """Return the page's main part."""
    setup = session["mode"] == "setup"
    total = EMPTY if setup else currencies.show(session["amount_total"], session["currency"])
    return html.render(
        "checkout.html",
        back=_back(session, merchant),
        initial=merchant[:1].upper(),
        merchant=merchant,
        heading="Save a payment method with" if setup else "Total due",
        amount=merchant if setup else total,
        order=EMPTY if setup else _order(session),
        form_heading="Payment details",
        alert=_alert(form, problem),
        action=f"/c/pay/{session['id']}",
        fields=_fields(session, form),
        submit_note=_note(session),
        button="Save payment method" if setup else f"Pay {total}",
        consent=_consent(session, merchant),
        help=_help(session),
    )


def _back(session: Object, merchant: str) -> Markup:
    if not session["cancel_url"]:
        return EMPTY
    link = html.attributes({"class": "back", "href": session["cancel_url"]})
    return html.render("back.html", attributes=link, merchant=merchant)


def _order(session: Object) -> Markup:
    currency = session["currency"]
    totals = [_total("Subtotal", session["amount_subtotal"], currency)]
    totals += [_total(label, tax, currency) for label, tax in _taxes(session).items()]
    totals.append(_total("Total due", session["amount_total"], currency, css="due"))
    lines = (_line(item) for item in session["_line_items"])
    return html.render("order.html", lines=html.join(lines), totals=html.join(totals))


def _line(item: Object) -> Markup:
    unit = item["price"]["unit_amount"]
    each = "" if unit is None else currencies.show(unit, item["currency"])
    several = html.render("quantity.html", quantity=item["quantity"], each=each)
    return html.render(
        "line.html",
        name=item["description"],
        details=item["_details"] or "",
        quantity=several if item["quantity"] > 1 else EMPTY,
        amount=currencies.show(item["amount_subtotal"], item["currency"]),
    )


def _taxes(session: Object) -> dict[str, int]:
    """Return what each tax rate comes to over all lines, under the rate's name."""
    sums: dict[str, int] = {}
    for item in session["_line_items"]:
        for tax in item["taxes"]:
            rate = tax["rate"]
            included = " (included)" if rate["inclusive"] else ""
            label = f"{rate['display_name']} {rate['percentage']:g} %{included}"
            sums[label] = sums.get(label, 0) + tax["amount"]
    return sums


def _total(label: str, amount: int, currency: str, css: str | None = None) -> Markup:
    return html.render(
        "total.html",
        attributes=html.attributes({"class": css}),
        label=label,
        amount=currencies.show(amount, currency),
    )


def _alert(form: PaymentForm, problem: str | None) -> Markup:
    if form.errors:
        links = (
            html.render("alert_link.html", id=name, label=FIELDS[name][0], message=message)
            for name, message in form.errors.items()
        )
        body = Markup(f"<ul>{html.join(links)}</ul>")
        return html.render("alert.html", message="Please check the form.", links=body)
    if problem:
        return html.render("alert.html", message=problem, links=EMPTY)
    return EMPTY


def _fields(session: Object, form: PaymentForm) -> Markup:
    offered = session["payment_method_types"]
    names = ["email"] if form.asks_email else []
    card = [_field(form, name) for name in ("card_number", "expiry", "cvc", "name")]
    debit = [_field(form, name) for name in ("iban", "holder")]
    parts = [_field(form, name) for name in names]
    if len(offered) > 1:
        chosen = {"card": form.method == "card", "debit": form.method == "sepa_debit"}
        checked = {f"{k}_checked": html.attributes({"checked": v}) for k, v in chosen.items()}
        parts.append(html.render("methods.html", **checked))
    parts += card if "card" in offered else []
    parts += debit if "sepa_debit" in offered else []
    return html.join(parts)


def _field(form: PaymentForm, name: str) -> Markup:
    label, extra = FIELDS[name]
    mistake = form.errors.get(name)
    attributes = {
        # No purpose is given on purpose: a browser must not offer a real card here.
        "autocomplete": "off",
        "type": "email" if name == "email" else "text",
        "inputmode": "numeric" if name in {"card_number", "expiry", "cvc"} else None,
        "spellcheck": "false",
        "aria-invalid": "true" if mistake else None,
        "aria-describedby": f"{name}-error" if mistake else None,
        "autofocus": mistake is not None and name == next(iter(form.errors)),
    }
    return html.render(
        "field.html",
        id=name,
        name=name,
        extra=extra,
        label=label,
        value=form.typed[name],
        attributes=html.attributes(attributes),
        error=html.render("error.html", id=f"{name}-error", message=mistake) if mistake else EMPTY,
    )


def _note(session: Object) -> Markup:
    custom = session["custom_text"]["submit"]
    return html.render("hint.html", text=custom["message"]) if custom else EMPTY


def _consent(session: Object, merchant: str) -> str:
    later = session["mode"] == "setup" or session["_intent"].get("setup_future_usage")
    if later:
        return f"You allow {merchant} to use this payment method for future payments."
    return "Nothing is charged: this page stands in for the payment provider."


def _help(session: Object) -> Markup:
    offered = session["payment_method_types"]
    rows = list(TEST_CARDS) if "card" in offered else []
    rows += TEST_ACCOUNTS if "sepa_debit" in offered else []
    cells = (html.render("help_row.html", number=number, what=what) for number, what in rows)
    return html.render("help.html", rows=html.join(cells))
