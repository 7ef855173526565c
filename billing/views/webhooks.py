"""What Stripe tells us."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.payments.errors import UntrustedDelivery
from billing.payments.stripe.provider import provider
from billing.services import orders


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Act on a delivery whose signature holds over its raw body; refuse any other with 400."""
    try:
        event = provider.verified(request.body, request.headers.get("Stripe-Signature", ""))
    except UntrustedDelivery as error:
        return JsonResponse({"code": error.code, "detail": str(error.detail)}, status=400)
    return JsonResponse({"new": orders.handle(event)})
