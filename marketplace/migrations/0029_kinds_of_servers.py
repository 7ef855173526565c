"""Servers say what answers there, where they tell their health, and how they are asked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0028_files_of_dossiers"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="health_path",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="upstream",
            name="preset",
            field=models.CharField(
                choices=[
                    ("generic", "Any OpenAI-compatible server"),
                    ("vllm", "vLLM"),
                    ("sglang", "SGLang"),
                    ("nim", "NVIDIA NIM"),
                    ("transformers", "transformers serve"),
                ],
                default="generic",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="upstream",
            name="stops_on_hang_up",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="tells_usage",
            field=models.BooleanField(default=True),
        ),
        migrations.AlterField(
            model_name="upstream",
            name="reachability",
            field=models.CharField(
                choices=[
                    ("unknown", "has not been asked yet"),
                    ("answers", "answers"),
                    ("refused", "refuses connections"),
                    ("unknown_name", "has a host name that nobody knows"),
                    ("silent", "does not answer in time"),
                    ("untrusted", "shows a certificate that is not trusted"),
                    ("credential", "refuses the credential"),
                    ("broken", "answers, but not with a list of models"),
                    ("unready", "says that it is not ready"),
                ],
                default="unknown",
                max_length=12,
            ),
        ),
    ]
