"""Servers that stand as their preset said follow it: it also says now where they tell their load."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations

PATHS = {"vllm": "/metrics", "sglang": "/metrics", "nim": "/v1/metrics"}


def follow(apps: Apps, schema_editor: Any) -> None:
    servers = apps.get_model("marketplace", "Upstream").objects.using(
        schema_editor.connection.alias
    )
    for preset, path in PATHS.items():
        servers.filter(preset=preset, metrics_path="").update(metrics_path=path)


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0034_health_of_servers"),
    ]

    operations = [
        migrations.RunPython(follow, migrations.RunPython.noop),
    ]
