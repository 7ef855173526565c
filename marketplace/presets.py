"""What suits each kind of server: where its settings begin, and which of them were edited since."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from marketplace.models import ServerPreset, Upstream

#: A server of which nobody has said anything.
USUAL = Upstream()


@dataclass(frozen=True, slots=True)
class Preset:
    """The settings that a kind of server begins with; see the table in docs/operator.md."""

    health_path: str = USUAL.health_path
    metrics_path: str = USUAL.metrics_path
    tells_usage: bool = USUAL.tells_usage
    stops_on_hang_up: bool = USUAL.stops_on_hang_up
    connect_seconds: int = USUAL.connect_seconds
    first_byte_seconds: int = USUAL.first_byte_seconds
    idle_seconds: int = USUAL.idle_seconds


PRESETS: Mapping[str, Preset] = {
    ServerPreset.GENERIC: Preset(),
    ServerPreset.VLLM: Preset(health_path="/health", metrics_path="/metrics"),
    ServerPreset.SGLANG: Preset(health_path="/health", metrics_path="/metrics"),
    # The first request after a start may wait for kernels that are still being built.
    ServerPreset.NIM: Preset(
        health_path="/v1/health/ready", metrics_path="/v1/metrics", first_byte_seconds=300
    ),
    # One request after the other, each through the whole of Python; it refuses `stream_options`.
    ServerPreset.TRANSFORMERS: Preset(
        health_path="/health",
        tells_usage=False,
        stops_on_hang_up=False,
        first_byte_seconds=600,
        idle_seconds=300,
    ),
}
#: What a preset sets, in the order it is shown, and how it is called.
SETTINGS: Mapping[str, StrOrPromise] = {
    "health_path": _("Path of its health"),
    "metrics_path": _("Path of its metrics"),
    "tells_usage": _("Tells usage in streams"),
    "stops_on_hang_up": _("Stops when a caller hangs up"),
    "connect_seconds": _("Seconds to connect"),
    "first_byte_seconds": _("Seconds to the first byte"),
    "idle_seconds": _("Seconds of silence"),
}
#: What it means that one of them is empty.
EMPTY: Mapping[str, StrOrPromise] = {
    "health_path": _("by its list of models"),
    "metrics_path": _("not told"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One of a server's settings beside what its preset says."""

    label: StrOrPromise
    value: Any
    preset: Any

    @property
    def is_edited(self) -> bool:
        """Whether somebody wrote something else than the preset says."""
        return bool(self.value != self.preset)


def settled(preset: str, given: Mapping[str, Any], server: Upstream | None) -> dict[str, Any]:
    """Return every setting: as it was given, and where nothing was, as the preset says.

    When a server changes its preset, what still stood as the old one said follows the new one. What
    anybody had edited, or edits with this very change, stays.
    """
    new = PRESETS[preset]
    found = {it: _or(given.get(it), getattr(new, it)) for it in SETTINGS}
    if server is None or server.preset == preset:
        return found
    old = PRESETS[server.preset]
    for name in SETTINGS:
        if found[name] == getattr(server, name) == getattr(old, name):
            found[name] = getattr(new, name)
    return found


def _said(name: str, value: Any) -> Any:
    return EMPTY[name] if value == "" else value


def _or(given: Any, otherwise: Any) -> Any:
    return otherwise if given is None or given == "" else given


def shown(server: Upstream) -> list[Setting]:
    """Return the server's settings, each beside what its preset says."""
    preset = PRESETS[server.preset]
    return [
        Setting(label, _said(it, getattr(server, it)), _said(it, getattr(preset, it)))
        for it, label in SETTINGS.items()
    ]


def table() -> list[tuple[StrOrPromise, list[Any]]]:
    """Return what each preset sets, one row a preset."""
    return [
        (ServerPreset(code).label, [_said(it, getattr(preset, it)) for it in SETTINGS])
        for code, preset in PRESETS.items()
    ]
