"""Every address of the simulated API and the function behind it."""

from starlette.routing import BaseRoute, Route

from billing.payments.loopback.api import Endpoint, Handler
from billing.payments.loopback.resources import (
    checkout_sessions,
    customers,
    events,
    ledger,
    payment_intents,
    payment_methods,
    products,
    refunds,
    setup_intents,
    webhook_endpoints,
)
from billing.payments.loopback.service import Service

SESSION = "/checkout/sessions/{session}"
INTENT = "/payment_intents/{intent}"
SETUP = "/setup_intents/{intent}"
METHOD = "/payment_methods/{method}"
CUSTOMER = "/customers/{customer}"
ENDPOINT = "/webhook_endpoints/{endpoint}"

TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/customers", customers.create),
    ("GET", "/customers", customers.list_all),
    ("GET", CUSTOMER, customers.retrieve),
    ("POST", CUSTOMER, customers.update),
    ("DELETE", CUSTOMER, customers.delete),
    ("GET", CUSTOMER + "/payment_methods", payment_methods.of_customer),
    ("POST", "/products", products.create_product),
    ("GET", "/products", products.list_products),
    ("GET", "/products/{product}", products.retrieve_product),
    ("POST", "/products/{product}", products.update_product),
    ("POST", "/prices", products.create_price),
    ("GET", "/prices", products.list_prices),
    ("GET", "/prices/{price}", products.retrieve_price),
    ("POST", "/prices/{price}", products.update_price),
    ("POST", "/tax_rates", products.create_tax_rate),
    ("GET", "/tax_rates", products.list_tax_rates),
    ("GET", "/tax_rates/{rate}", products.retrieve_tax_rate),
    ("POST", "/tax_rates/{rate}", products.update_tax_rate),
    ("POST", "/checkout/sessions", checkout_sessions.create),
    ("GET", "/checkout/sessions", checkout_sessions.list_all),
    ("GET", SESSION, checkout_sessions.retrieve),
    ("POST", SESSION, checkout_sessions.update),
    ("POST", SESSION + "/expire", checkout_sessions.expire),
    ("GET", SESSION + "/line_items", checkout_sessions.line_items),
    ("POST", "/payment_intents", payment_intents.create),
    ("GET", "/payment_intents", payment_intents.list_all),
    ("GET", INTENT, payment_intents.retrieve),
    ("POST", INTENT, payment_intents.update),
    ("POST", INTENT + "/confirm", payment_intents.confirm),
    ("POST", INTENT + "/cancel", payment_intents.cancel),
    ("POST", "/setup_intents", setup_intents.create),
    ("GET", "/setup_intents", setup_intents.list_all),
    ("GET", SETUP, setup_intents.retrieve),
    ("POST", SETUP + "/confirm", setup_intents.confirm),
    ("POST", SETUP + "/cancel", setup_intents.cancel),
    ("POST", "/payment_methods", payment_methods.create),
    ("GET", "/payment_methods", payment_methods.list_all),
    ("GET", METHOD, payment_methods.retrieve),
    ("POST", METHOD, payment_methods.update),
    ("POST", METHOD + "/attach", payment_methods.attach),
    ("POST", METHOD + "/detach", payment_methods.detach),
    ("POST", "/refunds", refunds.create),
    ("GET", "/refunds", refunds.list_all),
    ("GET", "/refunds/{refund}", refunds.retrieve),
    ("POST", "/refunds/{refund}", refunds.update),
    ("GET", "/charges", ledger.list_charges),
    ("GET", "/charges/{charge}", ledger.retrieve_charge),
    ("POST", "/charges/{charge}", ledger.update_charge),
    ("GET", "/charges/{charge}/refunds", ledger.charge_refunds),
    ("GET", "/balance_transactions", ledger.list_entries),
    ("GET", "/balance_transactions/{entry}", ledger.retrieve_entry),
    ("GET", "/disputes", ledger.list_disputes),
    ("GET", "/disputes/{dispute}", ledger.retrieve_dispute),
    ("POST", "/disputes/{dispute}/close", ledger.close_dispute),
    ("GET", "/events", events.list_all),
    ("GET", "/events/{event}", events.retrieve),
    ("POST", "/webhook_endpoints", webhook_endpoints.create),
    ("GET", "/webhook_endpoints", webhook_endpoints.list_all),
    ("GET", ENDPOINT, webhook_endpoints.retrieve),
    ("POST", ENDPOINT, webhook_endpoints.update),
    ("DELETE", ENDPOINT, webhook_endpoints.delete),
)


def api_routes(service: Service) -> list[BaseRoute]:
    """Return the routes of ``/v1``."""
    return [
        Route("/v1" + path, Endpoint(service, handler), methods=[method])
        for method, path, handler in TABLE
    ]
