"""Who belongs to the operator's staff."""

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from common.database import service
from common.errors import DomainError
from tenants.models import User
from tenants.services import audit


class NoAddress(DomainError):
    """What should be an e-mail address is none."""

    code = "no_address"
    detail = _("This is no e-mail address.")


def appoint(email: str, *, name: str = "") -> tuple[User, bool]:
    """Make the person with this address a member of staff; answers them and whether that is new.

    Who did not exist gets no password: they sign in with a code sent to their address, and the
    desk asks them for a second factor before it opens.
    """
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise NoAddress from None
    with service():
        user = User.objects.select_for_update().filter(email=address).first()
        if user is not None and user.is_staff:
            return user, False
        user = user or User.objects.create_user(address, name=name)
        user.is_staff = True
        user.save(update_fields=["is_staff"])
        EmailAddress.objects.update_or_create(
            user=user, email=address, defaults={"primary": True, "verified": True}
        )
        audit.record(
            organization=None,
            actor=None,
            action="staff.appointed",
            target=user,
            after={"email": address},
        )
    return user, True
