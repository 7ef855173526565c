"""Why a batch is refused as a whole."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class UnknownFile(DomainError):
    """The input file is not there, or is for something else."""

    code = "invalid_input_file"
    detail = _("There is no such file for a batch. Upload one with the purpose “batch”.")


class OperationMeansAnother(Conflict):
    """The idempotency key was used for something else."""

    code = "idempotency_key_reused"
    detail = _("This Idempotency-Key was used for another batch.")


class WrongState(Conflict):
    """The step is not possible from where the batch stands."""

    code = "batch_wrong_state"
    detail = _("This batch has ended or is about to; it cannot be cancelled any more.")
