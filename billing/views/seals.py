"""What anybody may read of seals: the keys they are signed with."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from billing.models import SealingKey
from billing.seals import key_set
from common.database import service


@require_safe
@cache_control(public=True, max_age=300)
def keys(request: HttpRequest) -> JsonResponse:
    """List the public keys of all seals there ever were, as a JSON Web Key Set."""
    with service():
        found = list(SealingKey.objects.order_by("created_at"))
    return JsonResponse(key_set(found))
