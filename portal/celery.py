"""The Celery app: workers are doorbells; the rows are the queues."""

import os
from datetime import timedelta

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

HOURLY = crontab(minute=7)
DAILY = crontab(hour=3, minute=17)

app = Celery("tessera")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "reclaim leases": {"task": "billing.reclaim_leases", "schedule": timedelta(minutes=1)},
    "bring credit limits up to date": {
        "task": "billing.sync_limits",
        "schedule": timedelta(minutes=1),
    },
    "tell of budgets": {"task": "billing.watch_budgets", "schedule": timedelta(seconds=30)},
    "top up": {"task": "billing.top_up", "schedule": timedelta(seconds=30)},
    "collect invoices": {"task": "billing.collect", "schedule": timedelta(minutes=1)},
    "expire orders": {"task": "billing.expire_orders", "schedule": HOURLY},
    "watch balances": {"task": "billing.watch_balances", "schedule": timedelta(minutes=1)},
    "dun overdue invoices": {"task": "billing.dun", "schedule": HOURLY},
    "grant credit of the month": {
        "task": "billing.grant_recurring",
        "schedule": timedelta(minutes=1),
    },
    "begin trials": {"task": "billing.sweep_trials", "schedule": timedelta(minutes=5)},
    "credit referrals": {"task": "billing.sweep_referrals", "schedule": timedelta(minutes=5)},
    "expire grants": {"task": "billing.expire_grants", "schedule": timedelta(minutes=5)},
    "reconcile payments": {
        "task": "billing.reconcile_payments",
        "schedule": timedelta(minutes=5),
    },
    "invoice paid orders": {"task": "billing.invoice_orders", "schedule": timedelta(minutes=1)},
    "mail documents": {"task": "billing.mail_documents", "schedule": timedelta(minutes=1)},
    "sum the ledger up": {"task": "billing.close_ledger_days", "schedule": HOURLY},
    "total usage": {"task": "billing.total_days", "schedule": HOURLY},
    "close periods": {"task": "billing.close_periods", "schedule": HOURLY},
    "go on with rehearsals": {
        "task": "billing.sweep_rehearsals",
        "schedule": timedelta(minutes=1),
    },
    "look for missed service levels": {
        "task": "billing.look_for_service_risks",
        "schedule": HOURLY,
    },
    "look for unusual spend": {
        "task": "billing.look_for_unusual_spend",
        "schedule": timedelta(minutes=5),
    },
    "seal receipts": {"task": "billing.seal_receipts", "schedule": timedelta(minutes=1)},
    "verify seals": {"task": "billing.verify_seals", "schedule": DAILY},
    "watch compute jobs": {"task": "compute.sweep", "schedule": timedelta(seconds=5)},
    "cancel orphaned jobs": {"task": "compute.cancel_orphans", "schedule": HOURLY},
    "expire files": {"task": "files.expire", "schedule": timedelta(minutes=5)},
    "remove orphaned files": {"task": "files.remove_orphans", "schedule": HOURLY},
    "tell of incidents": {"task": "front.tell", "schedule": timedelta(seconds=30)},
    "write of incidents": {
        "task": "front.send_status_mail",
        "schedule": timedelta(seconds=30),
    },
    "forget addresses": {"task": "front.forget_addresses", "schedule": HOURLY},
    "tell of models and prices": {"task": "marketplace.tell", "schedule": timedelta(seconds=30)},
    "retire services": {
        "task": "marketplace.retire_services",
        "schedule": timedelta(minutes=5),
    },
    "forget edits": {"task": "marketplace.forget_edits", "schedule": HOURLY},
    "retire models": {"task": "marketplace.retire_due", "schedule": timedelta(minutes=5)},
    "apply changes of models": {
        "task": "marketplace.apply_changes",
        "schedule": timedelta(seconds=30),
    },
    "make price moves": {"task": "marketplace.make_moves", "schedule": timedelta(minutes=1)},
    "look at servers": {
        "task": "marketplace.look_at_servers",
        "schedule": timedelta(seconds=30),
        # One that no worker took in time is left to the next: they do not pile up.
        "options": {"expires": 25},
    },
    "send notices": {"task": "marketplace.send_notices", "schedule": timedelta(minutes=5)},
    "watch fine-tuning jobs": {"task": "studio.sweep", "schedule": timedelta(seconds=30)},
    "remove artifacts": {"task": "studio.remove_artifacts", "schedule": HOURLY},
    "hold customers to what was set": {
        "task": "tenants.sweep_restrictions",
        "schedule": timedelta(seconds=30),
    },
    "send owed mail": {"task": "tenants.sweep_owed", "schedule": timedelta(seconds=10)},
    "deliver webhooks": {"task": "tenants.sweep_webhooks", "schedule": timedelta(seconds=10)},
    "make partitions": {"task": "metering.make_partitions", "schedule": DAILY},
    "measure": {"task": "metering.measure", "schedule": timedelta(minutes=5)},
    "drop months": {"task": "metering.drop_months", "schedule": DAILY},
    "go on with batches": {"task": "gateway.sweep_batches", "schedule": timedelta(seconds=10)},
}
app.conf.beat_schedule_filename = os.environ.get("CELERY_BEAT_SCHEDULE", "/tmp/tessera-beat")  # noqa: S108
