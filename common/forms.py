"""Forms that assistive technology can read."""

from typing import Any

from django.forms import boundfield, widgets
from django.forms.renderers import TemplatesSetting

CHECKS = (widgets.CheckboxInput, widgets.RadioSelect, widgets.CheckboxSelectMultiple)


class AccessibleBoundField(boundfield.BoundField):
    """A field that knows how it looks and does not repeat its label in a placeholder."""

    def build_widget_attrs(
        self, attrs: dict[str, Any], widget: widgets.Widget | None = None
    ) -> dict[str, Any]:
        """Add the style sheet's class to what Django says of help, errors and requirement."""
        widget = widget or self.field.widget
        attrs = super().build_widget_attrs(attrs, widget)
        if not widget.is_hidden:
            given = (widget.attrs.get("class"), attrs.get("class"), _css_class(widget))
            classes = [str(name) for name in given if name]
            attrs["class"] = " ".join(dict.fromkeys(classes))
        if self._repeats_label(str(widget.attrs.get("placeholder", ""))):
            attrs["placeholder"] = False
        return attrs

    def _repeats_label(self, placeholder: str) -> bool:
        words, label = placeholder.casefold(), str(self.label).casefold()
        return bool(words) and (words in label or label in words)


class AccessibleRenderer(TemplatesSetting):
    """Renders fields with ``templates/django/forms``: label, help, error, then the input."""

    bound_field_class = AccessibleBoundField


def _css_class(widget: widgets.Widget) -> str:
    if isinstance(widget, CHECKS):
        return "form-check-input"
    if isinstance(widget, widgets.Select):
        return "form-select"
    return "form-control"
