"""A tokenizer for tests: the demo engine's, as the file that staff attaches."""

import functools

from django.core.files.base import ContentFile

from common.database import service
from gateway.upstreams.demo import tokenizer
from marketplace.models import ModelVersion
from marketplace.services import tokenizers


@functools.cache
def made():
    """Return the tokenizer."""
    return tokenizer.train()


def count(*texts):
    """Return how many tokens these texts are."""
    return sum(len(made().encode(text, add_special_tokens=False).ids) for text in texts)


def attach(offer, content=None, *, by=None):
    """Attach it to the offer's version."""
    with service():
        version = ModelVersion.objects.get(pk=offer.model_version_id)
    file = ContentFile(content or made().to_str().encode())
    return tokenizers.attach(version, file, filename="tokenizer.json", by=by)
