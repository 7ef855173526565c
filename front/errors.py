"""What the front refuses."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError, Forbidden


class UnusablePicture(DomainError):
    """Such a file is no picture that can be shown safely."""

    code = "unusable_picture"
    status = 422
    detail = _("This file is no PNG, WebP or SVG picture.")


class NothingToPublish(Conflict):
    """It is no draft, or no more."""

    code = "nothing_to_publish"
    detail = _("This is no draft any more: somebody published it or threw it away.")


class OwnProposal(Forbidden):
    """Who wrote it may not approve it."""

    code = "own_proposal"
    detail = _("You wrote this version, so somebody else of the staff has to approve it.")


class TooManyAddresses(DomainError):
    """One machine asks for mail faster than people do."""

    code = "too_many_addresses"
    status = 429
    detail = _("Five addresses a minute are taken from one machine. Try again in a minute.")
