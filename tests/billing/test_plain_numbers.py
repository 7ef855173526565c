"""Numbers that people and programs send are plain: digits of one script, and no exponents."""

import pytest
from django import forms
from django.core.exceptions import ValidationError
from rest_framework import serializers

from portal import urls

#: Python reads each of these as a number.
ODD = ["\u0661\u0662", "\uff11", "1_000", "1\u0660"]


def below(kind):
    """Return all classes that are made of one."""
    return {one for each in kind.__subclasses__() for one in (each, *below(each))}


def typed():
    """Return the numbers that people type where money is decided."""
    assert urls.urlpatterns
    return {
        f"{form.__module__}.{form.__name__}.{name}": field
        for form in below(forms.BaseForm)
        for name, field in getattr(form, "base_fields", {}).items()
        if (isinstance(field, forms.DecimalField) and not form.__module__.startswith("tests"))
        or (isinstance(field, forms.IntegerField) and form.__module__.startswith("billing"))
    }


def sent():
    """Return the amounts that programs send, and the whole numbers of billing."""
    return {
        f"{one.__module__}.{one.__name__}.{name}": field
        for one in below(serializers.Serializer)
        for name, field in getattr(one, "_declared_fields", {}).items()
        if isinstance(field, serializers.DecimalField)
        or (
            isinstance(field, serializers.IntegerField)
            and not field.read_only
            and one.__module__.startswith("billing")
            and one.__name__.endswith("In")
        )
    }


def is_read(read, text):
    try:
        read(text)
    except (ValidationError, serializers.ValidationError):
        return False
    return True


@pytest.mark.parametrize("text", [*ODD, "1e3", "1E+2"])
def test_no_form_reads_what_only_looks_like_a_number(text):
    found = typed()

    assert len(found) > 20
    assert [name for name, field in found.items() if is_read(field.to_python, text)] == []


@pytest.mark.parametrize("text", [*ODD, "1e3", "NaN", "Infinity"])
def test_no_program_sends_what_only_looks_like_a_number(text):
    found = sent()

    assert found
    wrong = [name for name, field in found.items() if is_read(field.to_internal_value, text)]
    assert wrong == []


def test_plain_numbers_are_read():
    assert [name for name, field in typed().items() if not is_read(field.to_python, "12")] == []
    assert [name for name, it in sent().items() if not is_read(it.to_internal_value, "1")] == []
