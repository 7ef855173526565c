"""``Idempotency-Key`` on the management API: asked again under the same key, nothing happens twice."""

import hashlib
import json
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import wraps
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from common.database import atomic, service
from tenants.errors import KeyReused
from tenants.key_api import operation_key
from tenants.models import Organization, RememberedAnswer, User
from tenants.scope import scope

#: For so long an answer is kept; who asks later asks anew.
KEPT = timedelta(days=7)
KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="Asked again under the same key within seven days, you get the same answer.",
)
Handler = Callable[..., Response]


def once(
    *, secrets: Collection[str] = (), by_service: bool = False
) -> Callable[[Handler], Handler]:
    """Let a handler that makes something do so once for each ``Idempotency-Key``.

    Act and answer are one transaction: a request that dies leaves neither. A refusal is not
    remembered. ``secrets`` are in the first answer only; asked again, they are null. What touches
    rows that no organization sees acts ``by_service``, and opens the service's transaction itself.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def asked(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = operation_key(request)
            if not key:
                return handler(view, request, *args, **kwargs)

            def act() -> Response:
                return handler(view, request, *args, **kwargs)

            organization: Organization | None = getattr(view, "organization", None)
            if organization is None:
                return _once(request, key, None, act, secrets)
            with service() if by_service else scope(organization):
                return _once(request, key, organization, act, secrets)

        documented: Handler = extend_schema(parameters=[KEY])(asked)
        return documented

    return decorate


@atomic()
def _once(
    request: Request,
    key: str,
    organization: Organization | None,
    act: Callable[[], Response],
    secrets: Collection[str],
) -> Response:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - the gate has seen to it
    name = _hash(str(user.pk), request.path, key)
    digest = _hash(json.dumps(request.data, sort_keys=True, default=str))
    own = RememberedAnswer.objects.filter(user=user, organization=organization)
    own.filter(asked_at__lt=timezone.now() - KEPT).delete()
    row = RememberedAnswer(name=name, digest=digest, organization=organization, user=user)
    # Whoever asks at the same time waits here until the first has committed, or given up.
    RememberedAnswer.objects.bulk_create([row], ignore_conflicts=True)
    kept = own.select_for_update(of=("self",)).get(name=name)
    if kept.status:
        return _again(kept, digest)
    answer = act()
    told = json.loads(JSONRenderer().render(answer.data))
    kept.body = {field: None if field in secrets else value for field, value in told.items()}
    kept.status = answer.status_code
    kept.save(update_fields=["status", "body"])
    return answer


def _again(kept: RememberedAnswer, digest: str) -> Response:
    if kept.digest != digest:
        raise KeyReused
    return Response(kept.body, status=kept.status, headers={"Idempotent-Replayed": "true"})


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
