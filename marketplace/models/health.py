"""How servers answered when they were asked, and what they said they were working on."""

from django.db import models
from django.utils import timezone

from common.models import Row
from marketplace.models.offers import Reachability, Upstream


class ServerCheck(Row):
    """One look at a server; kept for a day. What the server does not tell is empty."""

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="checks")
    checked_at = models.DateTimeField(default=timezone.now)
    reachability = models.CharField(max_length=12, choices=Reachability)
    #: Until its health was answered, in milliseconds; empty where it was not.
    latency_ms = models.PositiveIntegerField(null=True)
    #: Requests that it works on, and that wait for their turn.
    running = models.PositiveIntegerField(null=True)
    waiting = models.PositiveIntegerField(null=True)
    #: Shares, from 0 to 1, of the memory for what was read, and of the GPUs' time.
    kv_cache = models.FloatField(null=True)
    gpu = models.FloatField(null=True)

    class Meta:
        ordering = ("-checked_at", "-id")
        indexes = (
            models.Index(fields=("upstream", "-checked_at"), name="check_of_server_newest_first"),
            models.Index(fields=("checked_at",), name="check_oldest_first"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kv_cache=None) | models.Q(kv_cache__gte=0, kv_cache__lte=1),
                name="check_kv_cache_is_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(gpu=None) | models.Q(gpu__gte=0, gpu__lte=1),
                name="check_gpu_is_a_share",
            ),
        )

    def __str__(self) -> str:
        return f"{self.upstream_id} {self.checked_at:%Y-%m-%d %H:%M:%S} {self.reachability}"

    @property
    def answers(self) -> bool:
        """Whether the server answered as an engine does."""
        return self.reachability == Reachability.ANSWERS
