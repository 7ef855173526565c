"""What tenancy refuses."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError, Forbidden, NotFound


class LastOwner(Conflict):
    """An organization would be left without an owner."""

    code = "last_owner"
    detail = _("This is the last owner. Make somebody else an owner first.")


class OwnersOnly(Forbidden):
    """Only owners make or unmake owners."""

    code = "owners_only"
    detail = _("Only an owner can make or remove an owner.")


class AlreadyMember(Conflict):
    """The address belongs to a member."""

    code = "already_member"
    detail = _("This address already belongs to a member.")


class AlreadyInvited(Conflict):
    """The address has an invitation that is still open."""

    code = "already_invited"
    detail = _("This address already has an open invitation. Resend or revoke it.")


class InvitationUnusable(NotFound):
    """The link is unknown, used, revoked or expired: which of these is not told."""

    code = "invitation_unusable"
    status = 410
    detail = _("This invitation can no longer be used. Ask for a new one.")


class InvitationForAnother(Forbidden):
    """The invitation is bound to another address."""

    code = "invitation_for_another"
    detail = _("This invitation is for another e-mail address. Sign in with that one.")


class InvitationClosed(Conflict):
    """The invitation was accepted or revoked: there is nothing to send."""

    code = "invitation_closed"
    detail = _("This invitation was accepted or revoked. Invite the address again.")


class SentJustNow(Conflict):
    """The invitation was sent less than a minute ago."""

    code = "sent_just_now"
    detail = _("This invitation was sent a moment ago. Wait a minute before you send it again.")


class SlugTaken(DomainError):
    """The organization's address is in use."""

    code = "slug_taken"
    detail = _("This address is taken. Choose another.")


class UnknownModel(DomainError):
    """A key was to be bound to a model that the organization may not call."""

    code = "unknown_model"
    detail = _("The key names a model that your organization may not use.")

    @classmethod
    def named(cls, names: Sequence[str]) -> "UnknownModel":
        """Return the refusal that names each of them at its field."""
        sentence = _("“%(name)s” is not a model that your organization may use.")
        return cls(field_errors={"allowed_models": [sentence % {"name": it} for it in names]})


class KeyMadeAlready(Conflict):
    """The same form was sent again."""

    code = "key_made_already"
    detail = _(
        "This key was made already, and its text was shown then. If you do not have it, revoke "
        "the key and make another."
    )


class KeyClosed(Conflict):
    """A key that was revoked or has expired was to be changed."""

    code = "key_closed"
    detail = _("This key was revoked or has expired; it stays as it is. Make another.")


class KeyRotatedAlready(Conflict):
    """The text that was to be replaced is not the key's text any more."""

    code = "key_rotated_already"
    detail = _(
        "This key was rotated already, and its new text was shown then. If you do not have it, "
        "end the old one and rotate the key once more."
    )


class KeyRotating(Conflict):
    """A key whose former text still opens the door was to be rotated once more."""

    code = "key_rotating"
    detail = _("The text before the present one still works. End it first: a key has two at most.")


class TimeZoneFixed(Conflict):
    """Months were invoiced in the present time zone; in another one, hours would count twice."""

    code = "time_zone_fixed"
    detail = _(
        "Months have been invoiced in this time zone, so it stays. Ask the operator to move you."
    )


class TooManyTests(DomainError):
    """An endpoint is tested again and again."""

    code = "too_many_tests"
    status = 429
    detail = _("An endpoint is tested ten times a minute at most. Try again in a minute.")


class KeyReused(Conflict):
    """An idempotency key came again with another request."""

    code = "idempotency_key_reused"
    detail = _("This Idempotency-Key was used for another request.")


class NothingNew(Forbidden):
    """The operator has stopped everything new of the customer."""

    code = "nothing_new"
    detail = _("The operator has stopped what is new in your organization. Your overview says why.")


class EndsBeforeItStarts(DomainError):
    """What holds a customer would be over before it begins."""

    code = "ends_before_it_starts"
    detail = _("It would end before it begins. Choose a later end.")


class InForce(Conflict):
    """What is to begin later holds already."""

    code = "already_in_force"
    detail = _("This holds already. Lift it before you set it to begin later.")


class SupportIsOff(Conflict):
    """The customer is read by nobody."""

    code = "support_is_off"
    detail = _("This organization has switched support access off.")


class SupportAskedAlready(Conflict):
    """The same person has asked, and nobody has answered yet."""

    code = "support_asked_already"
    detail = _("You have asked already. Wait for the answer, or take your question back.")


class SupportNotOpen(Conflict):
    """The question was answered, taken back, or is too old."""

    code = "support_not_open"
    detail = _("This was decided already, taken back, or asked too long ago.")


class SignalDecided(Conflict):
    """Somebody decided about the sign of abuse before."""

    code = "signal_decided"
    detail = _("Somebody has decided about this already.")


class TooManyReports(DomainError):
    """One address reports keys faster than people or scanners do."""

    code = "too_many_reports"
    status = 429
    detail = _("Ten reports a minute are taken from one address. Try again in a minute.")


class WaitsForApproval(Forbidden):
    """The operator has not let the organization in yet."""

    code = "organization_waiting"
    detail = _(
        "Your organization waits for the operator's approval. Until then you can read the catalogue"
        " and the documentation. We write to you as soon as it is decided."
    )


class SignUpRefused(Forbidden):
    """The operator has not let the organization in, and will not."""

    code = "organization_refused"
    detail = _("The operator has refused this organization. Its overview says why.")


class SignUpClosed(Forbidden):
    """Organizations are founded by those who are invited alone."""

    code = "sign_up_closed"
    detail = _(
        "New organizations are founded by invitation only. Ask the operator to put your address on"
        " its list, or a colleague to invite you to an organization that exists."
    )


class AddressBlocked(Forbidden):
    """The applicant's domain is one that the operator does not accept."""

    code = "address_blocked"
    detail = _(
        "Addresses of this domain are not accepted. Use the one that your organization gave you."
    )


class NotWaiting(Conflict):
    """The sign-up was decided before."""

    code = "sign_up_not_waiting"
    detail = _("This was decided already.")
