"""The page on which anybody reports a key that leaked."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tenants import keys, pace
from tenants.leak_api import A_MINUTE, WHAT
from tenants.leak_forms import LeakForm
from tenants.services import leaks


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("text")
def leaked_key(request: HttpRequest) -> HttpResponse:
    """Take keys that somebody found and close them; the answer is the same whosever they are."""
    form = LeakForm(request.POST or None)
    if request.method == "POST" and not pace.allows(request, WHAT, a_minute=A_MINUTE):
        return render(request, "429.html", status=429)
    if request.method == "POST" and form.is_valid():
        leaks.report(form.cleaned_data["text"], found_at=form.cleaned_data["found_at"])
        return redirect(f"{request.path}?thanks")
    context = {
        "form": form,
        "thanks": "thanks" in request.GET,
        "pattern": keys.PATTERN.pattern,
    }
    return render(request, "tenants/leaked_key.html", context, status=422 if form.is_bound else 200)
