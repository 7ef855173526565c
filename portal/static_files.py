"""Static files as browsers get them: named by their content, and compressed.

Made from the files of all apps when Tessera starts, and again only when one of them has changed.
"""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

#: What of other people's packages no page of ours asks for.
UNUSED = ["axe", "django_extensions", "htmax*", "htmx-*", "redoc", "rest_framework"]
#: Read by people who look for a fault, once; the rest is compressed already.
LEFT_AS_IT_IS = ["map", *Compressor.SKIP_COMPRESS_EXTENSIONS]


class CollectedConfig(StaticFilesConfig):
    """Collects what pages ask for, and no more."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, *UNUSED]


class CollectedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Names a file by what was collected, so that browsers keep it for ever and never an old one.

    What was not collected, in tests all of it, is served under its own name.
    """

    def create_compressor(self, *, quiet: bool, **_options: object) -> Compressor:
        """Return what compresses: Brotli at its best would take a minute of every new version."""
        return Compressor(extensions=LEFT_AS_IT_IS, use_brotli=False, quiet=quiet)

    def stored_name(self, name: str) -> str:
        """Return the name with the content's hash where there is such a file."""
        key = self.hash_key(self.clean_name(name))
        return str(self.hashed_files.get(key, name))


def collect() -> bool:
    """Collect all files where one has changed since; answers whether it did."""
    root = Path(settings.STATIC_ROOT)
    noted = root / "collected-from"
    now = _fingerprint()
    if noted.is_file() and noted.read_text() == now:
        return False
    # Names of before stay: pages that are open still ask for them.
    call_command("collectstatic", interactive=False, verbosity=0)
    noted.write_text(now)
    return True


def _fingerprint() -> str:
    """Return what changes with every file that would be collected."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list(UNUSED):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
