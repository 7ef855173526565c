"""What a key may be made for; what it carries then never changes."""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

#: What a key must carry to be used below ``/v1``.
INFERENCE = "inference"
USAGE = "usage"
#: What a key must carry to manage instead of merely calling models.
MANAGEMENT = "management"
#: Report usage of the key's own organization.
METERING = "metering"
#: Report usage of any organization; worth something only while its maker is staff.
METERING_ANY = "metering.any"
#: What a key is for unless somebody says otherwise.
USUAL = (INFERENCE, USAGE)
#: What members may give to a key. The operator's meters get theirs from staff alone.
WORDS: dict[str, StrOrPromise] = {
    INFERENCE: _("Call models, upload files, train"),
    USAGE: _("Read its own usage, limits and receipts"),
    MANAGEMENT: _("Manage the organization over the API, with your rights"),
    METERING: _("Report usage that another meter counted, to be billed here"),
}
#: What a key that was made may do, as a list of keys says it.
POWERS: dict[str, StrOrPromise] = {
    INFERENCE: _("Calls models"),
    USAGE: _("Reads its own usage"),
    MANAGEMENT: _("Manages the organization"),
    METERING: _("Reports usage"),
    METERING_ANY: _("Reports usage of every customer"),
}
