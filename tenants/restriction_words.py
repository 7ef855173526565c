"""What a restriction means, in the words that customers read on their pages and in their mail."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from tenants.models import Restriction

Level = Restriction.Level


@dataclass(frozen=True, slots=True)
class Words:
    """What customers are told, when it begins and when it is over."""

    title: StrOrPromise
    text: StrOrPromise
    #: The subjects of the messages; both name the organization.
    subject: StrOrPromise
    over: StrOrPromise


WORDS: dict[str, Words] = {
    Level.WARN: Words(
        title=_("The operator warns your organization"),
        text=_("Everything works as before. Please settle what the reason says."),
        subject=_("A warning for %(organization)s"),
        over=_("The warning for %(organization)s is over"),
    ),
    Level.NEW: Words(
        title=_("Nothing new can be begun"),
        text=_(
            "Requests with your present keys go on. New keys, jobs, deployments and purchases are "
            "refused."
        ),
        subject=_("Nothing new can be begun in %(organization)s"),
        over=_("%(organization)s can begin new things again"),
    ),
    Level.ALL: Words(
        title=_("The organization is suspended"),
        text=_(
            "Requests are refused. Your data, your balance and your invoices stay as they are, and "
            "you can still sign in and read everything."
        ),
        subject=_("%(organization)s is suspended"),
        over=_("%(organization)s is active again"),
    ),
}
