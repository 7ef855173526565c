"""Where the weights of a model's version lie: said once it was seen that a model is there."""

from django.utils.translation import gettext as _

from common.database import atomic
from marketplace.errors import BadWeights
from marketplace.models import ModelVersion
from tenants.models import User
from tenants.services import audit
from trainer.errors import Refused
from trainer.orders import path_of
from trainer.tokenise import Tokeniser


def place(version: ModelVersion, address: str, *, by: User | None) -> ModelVersion:
    """Let the version be taught from this address, or refuse it; an empty one ends that.

    Jobs that run keep what they were told.
    """
    if address:
        _check(address)
    return _change(version, address, by)


def _check(address: str) -> None:
    """Refuse a folder that no trainer could begin with; weights are safetensors and nothing else."""
    try:
        folder = path_of(address)
        Tokeniser.of(folder)
    except (Refused, ValueError) as error:
        raise _refused(str(error)) from error
    if not (folder / "config.json").exists() or not any(folder.glob("*.safetensors")):
        raise _refused(_("there are no weights as safetensors with a config.json"))


def _refused(reason: str) -> BadWeights:
    words = _("No model that can be taught lies there: %(reason)s.") % {"reason": reason}
    return BadWeights(words, field_errors={"address": [words]})


@atomic()
def _change(version: ModelVersion, address: str, by: User | None) -> ModelVersion:
    version = ModelVersion.objects.locked(version.pk)
    before = version.weights
    if before == address:
        return version
    version.weights = address
    version.save(update_fields=["weights", "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="model.weights_placed",
        target=version,
        before={"weights": before},
        after={"weights": address},
    )
    return version
