"""Doorbells of the front."""

from celery import shared_task

from common.database import service
from front.services import letters, subscribing, telling


@shared_task(name="front.tell")
def tell() -> int:
    """Tell customers' own systems of incidents and of planned work."""
    return telling.tell()


@shared_task(name="front.send_status_mail")
def send_status_mail() -> int:
    """Send links and letters to those who are written to about incidents."""
    return letters.send()


@shared_task(name="front.forget_addresses")
def forget_addresses() -> int:
    """Forget the addresses that nobody confirmed in time."""
    with service():
        return subscribing.forget()
