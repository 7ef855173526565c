"""The development mailbox page; it exists where no mail server is configured."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import mailbox


@require_safe
@never_cache
def messages(request: HttpRequest) -> HttpResponse:
    """Show the newest messages of the demo."""
    if not settings.DEMO or settings.ENV.mail:
        raise Http404
    recipient = request.GET.get("to", "")[:254]
    context = {"mails": mailbox.newest(recipient), "recipient": recipient}
    return render(request, "portal/mailbox.html", context)
