"""What customers write to be let in, what the operator answers, and what a model asks for."""

from django import forms
from django.utils.translation import gettext_lazy as _


class AskForm(forms.Form):
    """Why the organization needs the model."""

    reason = forms.CharField(
        label=_("What do you need it for?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("The operator reads this. The answer comes by e-mail."),
    )


class AnswerForm(forms.Form):
    """What the operator decides, and says."""

    answer = forms.CharField(label=_("Answer"), max_length=500, required=False)
    state = forms.ChoiceField(
        choices=[("approved", "approved"), ("denied", "denied"), ("revoked", "revoked")]
    )


class AccessForm(forms.Form):
    """What a model asks customers for."""

    text = forms.CharField(
        label=_("Terms to accept"),
        max_length=50_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text=_(
            "Empty: nobody need agree. Changed, every customer is asked again, and calls are"
            " refused until they have agreed."
        ),
    )
    needs_approval = forms.BooleanField(
        label=_("Each customer asks for access"),
        required=False,
        help_text=_("Until you let a customer in, its calls are refused."),
    )
