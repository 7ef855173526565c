"""The operator's desk: what was earned and deferred, and the trial balance as of any day."""

import io
from datetime import date, timedelta

from defusedcsv import csv
from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from billing import accounts
from tenants.access import StaffRequest, staff_required

COLUMNS = ("as_of", "currency", "account", "debit", "credit", "balance")


class AsOfForm(forms.Form):
    """The day at whose end the accounts are looked at."""

    as_of = forms.DateField(
        label=_("As of the end of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_as_of(self) -> date:
        """Return today where no day is given; refuse days that have not come."""
        today = timezone.now().date()
        day: date = self.cleaned_data["as_of"] or today
        if day > today:
            raise forms.ValidationError(_("This day has not come. Choose today or an earlier one."))
        if day < today - timedelta(days=50 * 366):
            raise forms.ValidationError(_("This is before there was anything. Check the year."))
        return day


def _form(request: StaffRequest) -> tuple[AsOfForm, date | None]:
    today = timezone.now().date()
    form = AsOfForm(request.GET if "as_of" in request.GET else {"as_of": today})
    return form, form.cleaned_data["as_of"] if form.is_valid() else None


@require_safe
@staff_required
def overview(request: StaffRequest) -> HttpResponse:
    """Show the months, and the trial balance as of a day."""
    form, as_of = _form(request)
    context = {
        "form": form,
        "as_of": as_of,
        "months": accounts.months(),
        "balances": accounts.trial_balance(as_of) if as_of else [],
        "nav_section": "staff-accounts",
    }
    return render(request, "staff/accounts.html", context, status=200 if as_of else 422)


@require_safe
@staff_required
def trial_balance_csv(request: StaffRequest) -> HttpResponse:
    """Give the trial balance as a file, to the last digit."""
    form, as_of = _form(request)
    if as_of is None:
        return HttpResponse(form.errors["as_of"][0], status=422, content_type="text/plain")
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for balance in accounts.trial_balance(as_of):
        for line in balance.lines:
            sides = (line.debit.amount, line.credit.amount, line.balance.amount)
            amounts = (f"{amount:f}" for amount in sides)
            writer.writerow((as_of.isoformat(), balance.currency, line.account.value, *amounts))
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="trial-balance-{as_of}.csv"'
    return response
