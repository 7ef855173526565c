"""The one kind of error a service raises: a code for programs, a sentence for people."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


class DomainError(Exception):
    """A request that cannot be done, told in a sentence; nothing has been changed.

    ``field_errors`` maps the names of input fields to what is wrong with each.
    """

    code: str = "invalid_request"
    status: int = 400
    detail: StrOrPromise = _("The request cannot be carried out.")

    def __init__(
        self,
        detail: StrOrPromise | None = None,
        *,
        field_errors: Mapping[str, Sequence[StrOrPromise]] | None = None,
    ) -> None:
        self.detail = detail if detail is not None else type(self).detail
        self.field_errors = dict(field_errors or {})
        super().__init__(str(self.detail))


class NotFound(DomainError):
    """To the caller, this thing does not exist."""

    code = "not_found"
    status = 404
    detail = _("This does not exist, or you may not see it.")


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    code = "permission_denied"
    status = 403
    detail = _("Your role does not allow this.")


class Conflict(DomainError):
    """The thing has changed meanwhile, or already is as asked."""

    code = "conflict"
    status = 409
    detail = _("This was changed meanwhile. Reload and try again.")


def in_words(refusal: DomainError) -> str:
    """Return what is wrong in one line: the fields' sentences, or the refusal's own."""
    fields = [str(words) for field in refusal.field_errors.values() for words in field]
    return " ".join(fields) or str(refusal.detail)
