"""Why the studio refuses."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class UnknownModel(DomainError):
    """To this organization there is no such model, or not for fine-tuning."""

    code = "model_not_found"
    detail = _("There is no such model that can be fine-tuned.")


class UnknownFile(DomainError):
    """The training file is not there, or is for something else."""

    code = "invalid_training_file"
    detail = _("There is no such file for fine-tuning.")


class WrongState(Conflict):
    """The step is not possible from where the job stands."""

    code = "job_wrong_state"
    detail = _("This is not possible from where the job stands.")


class OperationMeansAnother(Conflict):
    """The idempotency key was used for something else."""

    code = "idempotency_key_reused"
    detail = _("This Idempotency-Key was used for another job.")


class NotPriced(DomainError):
    """Training this model has no price, so nobody can be told what it costs."""

    code = "model_not_priced"
    detail = _("Training this model has no price yet. Choose another model, or ask its operator.")


class ModelRetired(Conflict):
    """The model was taken away for good."""

    code = "model_retired"
    detail = _("This model is retired. What it was made of is still there: teach it again.")


class NotServedHere(Conflict):
    """Where the model was taught, nothing is served."""

    code = "no_engine"
    detail = _("The cluster that taught this model serves none. Ask the operator to deploy it.")


class TooManyDeployed(Conflict):
    """The organization has as many models deployed as it may."""

    code = "too_many_deployed"
    detail = _("As many models are deployed as your organization may have. Stop another one first.")


class UnknownProject(DomainError):
    """A model would be shared with a project that does not exist."""

    code = "project_not_found"
    detail = _("There is no such project.")


class TooConfidential(DomainError):
    """What was learnt from confidential data would leave the organization."""

    code = "model_too_confidential"
    status = 403
    detail = _(
        "This model has learnt from data above “internal”: it is not shared with other"
        " organizations."
    )


class NothingToMend(DomainError):
    """None of the fixes would make a dataset of it that is another and has examples."""

    code = "nothing_to_mend"
    detail = _("There is nothing that these fixes would mend.")


class NotImported(DomainError):
    """The file is of another kind, and cannot be made into JSON Lines."""

    code = "file_not_imported"
    detail = _("This file cannot be made into JSON Lines.")
