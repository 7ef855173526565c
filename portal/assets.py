"""Copy the front-end files we serve from node_modules to static/vendor: `python -m portal.assets`."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
ICONS = ROOT / "static" / "icons.txt"

FILES = {
    "htmx/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx/sse.js": "htmx-ext-sse/sse.js",
    "tabler/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler/tabler.rtl.min.css": "@tabler/core/dist/css/tabler.rtl.min.css",
    "tabler/tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "chartjs/chart.umd.min.js": "chart.js/dist/chart.umd.min.js",
}
TEST_FILES = {"axe/axe.min.js": "axe-core/axe.min.js"}
FONTS = {
    "fonts/inter": ("@fontsource-variable/inter", ["wght"]),
    "fonts/jetbrains-mono": ("@fontsource-variable/jetbrains-mono", ["wght"]),
    "fonts/ibm-plex-sans-arabic": (
        "@fontsource/ibm-plex-sans-arabic",
        ["400", "500", "600", "700"],
    ),
}

SOURCE_MAP = re.compile(r"^\s*(//|/\*)# sourceMappingURL=.*$", re.MULTILINE)
FONT_FILE = re.compile(r"url\(\./files/([\w.-]+\.woff2)\)")
OLD_FORMAT = re.compile(r", url\([^)]+\.woff\) format\('woff'\)")
SYMBOL = re.compile(r'\s*<symbol id="([\w-]+)".*?</symbol>', re.DOTALL)


def copy_text(target: Path, source: Path) -> None:
    """Copy a script or style sheet without its pointer to a source map that we do not serve."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(SOURCE_MAP.sub("", source.read_text("utf-8")).rstrip() + "\n", "utf-8")


def copy_font(target: Path, package: Path, weights: list[str]) -> None:
    """Write one index.css per family and copy exactly the font files it names."""
    sheet = "\n".join((package / f"{weight}.css").read_text("utf-8") for weight in weights)
    sheet = OLD_FORMAT.sub("", sheet)
    (target / "files").mkdir(parents=True)
    (target / "index.css").write_text(sheet, "utf-8")
    shutil.copy(package / "LICENSE", target / "LICENSE")
    for name in FONT_FILE.findall(sheet):
        shutil.copy(package / "files" / name, target / "files" / name)


def copy_icons(target: Path, sprite: Path, wanted: set[str]) -> None:
    """Write a sprite of the wanted icons alone (all of them, when none are named)."""
    text = sprite.read_text("utf-8")
    missing = wanted - set(SYMBOL.findall(text))
    if missing:
        raise SystemExit(f"static/icons.txt names icons lucide does not have: {sorted(missing)}")
    if wanted:
        text = SYMBOL.sub(lambda match: match[0] if match[1] in wanted else "", text)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def main() -> None:
    """Rebuild static/vendor from scratch; what is no longer listed disappears."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    for target, source in FILES.items():
        copy_text(VENDOR / target, MODULES / source)
    for target, source in TEST_FILES.items():
        # Absent from a production image, which installs no development packages.
        if (MODULES / source).exists():
            copy_text(VENDOR / target, MODULES / source)
    for target, (package, weights) in FONTS.items():
        copy_font(VENDOR / target, MODULES / package, weights)
    wanted = set(ICONS.read_text("utf-8").split()) if ICONS.exists() else set()
    copy_icons(VENDOR / "lucide" / "sprite.svg", MODULES / "lucide-static/sprite.svg", wanted)


if __name__ == "__main__":
    main()
