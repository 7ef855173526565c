"""Compile the translations to what Django reads: `python -m portal.translations`.

What Tessera says is in locale/; what libraries have no words for in a language in library_texts/.

With Babel, so that a machine without gettext can run Tessera; extracting texts needs gettext.
"""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
LIBRARY_TEXTS = ROOT / "portal" / "library_texts"


def compile_file(source: Path) -> Path:
    """Write the compiled catalogue beside its source; doubtful (fuzzy) entries are left out."""
    with source.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    target = source.with_suffix(".mo")
    with target.open("wb") as file:
        write_mo(file, catalogue, use_fuzzy=False)
    return target


def main() -> None:
    """Compile every language."""
    for folder in (LOCALE, LIBRARY_TEXTS):
        for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
            compile_file(source)


if __name__ == "__main__":
    main()
