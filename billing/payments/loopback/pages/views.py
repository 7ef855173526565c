"""The pages a payer sees: pay, confirm with the bank, and what is over."""

from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from billing.payments.loopback import currencies, methods, requests
from billing.payments.loopback.checkout import sessions
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError
from billing.payments.loopback.pages import checkout_page, forms, html
from billing.payments.loopback.pages.forms import PaymentForm
from billing.payments.loopback.pages.html import Markup
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Object

SEE_OTHER = 303
# The API's own sentence speaks to the merchant's developers.
NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. "
    "Please choose a different payment method and try again."
)


class Pages:
    """The payer's side of one account."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def checkout(self, request: Request) -> Response:
        """Show the payment page of a session, or what became of it."""
        return await self._answer(self._show, request)

    async def pay(self, request: Request) -> Response:
        """Take the payment form; a second submit finds the session paid and pays nothing."""
        return await self._answer(self._take, request)

    async def challenge(self, request: Request) -> Response:
        """Show the bank's question."""
        return await self._answer(self._ask, request)

    async def answer(self, request: Request) -> Response:
        """Take the payer's answer to the bank's question."""
        return await self._answer(self._decide, request)

    async def _answer(self, view: Any, request: Request) -> Response:
        try:
            body = (await requests.read_body(request)).decode("utf-8", "replace")
            return await run_in_threadpool(self._act, view, request.path_params["id"], body)
        except ApiError as error:
            return _message("This does not work", error.message, status=error.status)

    def _act(self, view: Any, object_id: str, body: str) -> Response:
        with self._service.store.transaction():
            response: Response = view(self._service.context(), object_id, body)
        return response

    def _show(self, context: Context, session_id: str, body: str) -> Response:
        session = context.store.find(session_id, "checkout.session")
        if session is None or session["status"] != "open":
            return self._closed(session)
        form = forms.prefilled(session, _customer(context, session))
        return self._page(session, form, _last_problem(context, session))

    def _take(self, context: Context, session_id: str, body: str) -> Response:
        session = context.store.find(session_id, "checkout.session")
        if session is None or session["status"] == "expired":
            return self._closed(session)
        if session["status"] == "complete":
            return RedirectResponse(sessions.success_url(session), SEE_OTHER)
        form = forms.submitted(body, session, _customer(context, session))
        if not form.check():
            return self._page(session, form, status=422)
        sessions.pay(context, session, _method(context, form))
        return self._after(context, session, form)

    def _after(self, context: Context, session: Object, form: PaymentForm) -> Response:
        if session["status"] == "complete":
            return RedirectResponse(sessions.success_url(session), SEE_OTHER)
        intent = sessions.intent_of(context, session)
        if intent["status"] == "requires_action":
            return RedirectResponse(f"/3ds/{intent['client_secret']}", SEE_OTHER)
        return self._page(session, form, _last_problem(context, session), status=402)

    def _ask(self, context: Context, secret: str, body: str) -> Response:
        intent = _intent(context, secret)
        if intent is None or intent["status"] != "requires_action":
            return self._over(context, intent)
        method = context.store.get("payment_method", intent["payment_method"])
        amount = intent.get("amount")
        page = html.render(
            "challenge.html",
            merchant=self._merchant(_session(context, intent)),
            what=currencies.show(amount, intent["currency"]) if amount else "saving the card",
            last4=method[method["type"]]["last4"],
            action=f"/3ds/{secret}",
        )
        return html.page("Confirm it is you", page, leads_to=self._ways_out(context, intent))

    def _decide(self, context: Context, secret: str, body: str) -> Response:
        intent = _intent(context, secret)
        if intent is None or intent["status"] != "requires_action":
            return self._over(context, intent)
        approved = forms.is_approval(body)
        if approved is None:
            return self._ask(context, secret, body)
        sessions.answer_challenge(context, intent, approved=approved)
        return self._over(context, intent)

    def _over(self, context: Context, intent: Object | None) -> Response:
        """Send the payer on once an intent no longer waits for the bank."""
        if intent is None:
            return _message("Page not found", "This address belongs to no payment.", status=404)
        session = _session(context, intent)
        if session is not None and session["status"] == "complete":
            return RedirectResponse(sessions.success_url(session), SEE_OTHER)
        if session is not None:
            return RedirectResponse(f"/c/pay/{session['id']}", SEE_OTHER)
        if intent["_return_url"]:
            return RedirectResponse(_return_url(intent), SEE_OTHER)
        return _message("Thank you", "You can close this page.")

    def _page(
        self, session: Object, form: PaymentForm, problem: str | None = None, status: int = 200
    ) -> HTMLResponse:
        merchant = self._merchant(session)
        failed = "Error: " if form.errors or problem else ""
        body = checkout_page.compose(session, merchant, form, problem)
        leads_to = [session["success_url"]]
        title = f"{failed}{merchant}"
        return html.page(title, body, status=status, leads_to=leads_to)

    def _merchant(self, session: Object | None) -> str:
        branding = session["branding_settings"] if session else {}
        return branding.get("display_name") or self._service.options.merchant

    def _closed(self, session: Object | None) -> HTMLResponse:
        if session is None:
            return _message("Page not found", "This address belongs to no payment.", status=404)
        if session["status"] == "complete":
            text = "This payment page has been used. Nothing more will be charged."
            return _message("You're all done here", text, link=sessions.success_url(session))
        text = "This payment page has expired. Nothing was charged."
        return _message("This page has expired", text, link=session["cancel_url"], status=410)

    def _ways_out(self, context: Context, intent: Object) -> list[str | None]:
        session = _session(context, intent)
        return [session["success_url"] if session else None, intent["_return_url"]]


def _message(
    heading: str, text: str, *, link: str | None = None, status: int = 200
) -> HTMLResponse:
    attributes = html.attributes({"class": "button", "href": link})
    onward = html.render("onward.html", attributes=attributes) if link else Markup("")
    body = html.render("message.html", heading=heading, text=text, link=onward)
    return html.page(heading, body, status=status)


def _method(context: Context, form: PaymentForm) -> Object:
    payer = methods.billing_details(form.holder, form.typed["email"].strip() or None)
    if form.method == "sepa_debit":
        return methods.of_account(context, form.number, payer)
    return methods.of_card(context, methods.CardDetails(form.number, *form.expiry), payer)


def _customer(context: Context, session: Object) -> Object | None:
    return context.store.find(session["customer"], "customer") if session["customer"] else None


def _last_problem(context: Context, session: Object) -> str | None:
    if not (session["payment_intent"] or session["setup_intent"]):
        return None
    intent = sessions.intent_of(context, session)
    error = intent.get("last_payment_error") or intent.get("last_setup_error")
    if not error:
        return None
    if error["code"].endswith("_authentication_failure"):
        return NOT_AUTHENTICATED
    message: str = error["message"]
    return message


def _intent(context: Context, secret: str) -> Object | None:
    intent = context.store.find(secret.partition("_secret_")[0])
    return intent if intent is not None and intent.get("client_secret") == secret else None


def _session(context: Context, intent: Object) -> Object | None:
    return context.store.find(intent["_session"]) if intent["_session"] else None


def _return_url(intent: Object) -> str:
    failed = intent["status"] == "requires_payment_method"
    query = urlencode(
        {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": "failed" if failed else "succeeded",
        }
    )
    url: str = intent["_return_url"]
    return f"{url}{'&' if '?' in url else '?'}{query}"
