"""Files of calls, one batch after the other: ``python -m tests.faults.batching``.

Takes a :class:`Filing` as JSON. Files go in as customers send them, and the files that come out are
written down line by line, as other clients write down what they receive. At SIGTERM the batches under
way come to their end, and no more are begun.
"""

import io
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import timedelta

import msgspec

# Sets Django up.
from tests.faults.customers import attempt  # isort: skip

from django.core.files import File
from django.db.models import Q
from django.utils import timezone

from common.database import service
from files import blobs
from files.models import Purpose
from files.services import stored_files
from gateway.batches import intake
from gateway.batches.lines import LEASE
from gateway.batches.progress import LONG_LEASE
from gateway.models import ENDED, Batch, BatchStatus
from tenants.models import ApiKey
from tenants.scope import scope
from tests.faults import plan, shapes
from tests.faults.journals import NOWHERE, Call, Filing

LINES = 30
TURN = 0.5
#: In a run, a worker that says nothing for so long is dead: reading a file takes it no second, and
#: while lines run it speaks every other second.
SILENCE = timedelta(seconds=10)


class Filed:
    """One batch of one customer, from its file to what came of it."""

    def __init__(self, name, customer, kind, seed):
        self.name, self.customer = name, customer
        self.started = time.time()
        names = [f"{name}-{number}" for number in range(LINES)]
        drawn = (plan.line(each, kind, random.Random(f"{seed} {each}")) for each in names)
        self.scripts = {script.call: script for script in drawn}
        self.endpoint = shapes.PATHS[kind]
        self.batch = None

    def send(self):
        """Upload the file and ask for its batch; again is the same."""
        with service():
            key = ApiKey.objects.select_related("organization").get(pk=self.customer.key_id)
        content = File(io.BytesIO(b"".join(map(self._line, self.scripts.values()))))
        facts = {"filename": "lines.jsonl", "purpose": Purpose.BATCH, "source_key": self.name}
        file = stored_files.keep(key.organization, content, by=key, **facts)
        with scope(key.organization):
            self.batch = Batch.objects.filter(input_file=file).first() or intake.create(
                key.organization,
                file=file,
                by=key,
                endpoint=self.endpoint,
                completion_window="24h",
            )

    def _line(self, script):
        request = {"custom_id": script.call, "method": "POST", "url": self.endpoint}
        return msgspec.json.encode(request | {"body": shapes.body(script, self.customer)}) + b"\n"

    def look(self):
        """Find out how it stands."""
        with service():
            facts = ("output_file", "error_file")
            self.batch = Batch.objects.select_related(*facts).get(pk=self.batch.pk)

    @property
    def has_ended(self):
        """Whether its results are written."""
        return self.batch is not None and self.batch.status in ENDED

    def outcomes(self):
        """Yield what came of each line; of a line that has no outcome, that it is lost."""
        told = Counter()
        for file in (self.batch.output_file, self.batch.error_file):
            for line in _lines(file):
                told[line["custom_id"]] += 1
                yield self._outcome(line)
        for name in self.scripts.keys() - told.keys():
            yield self._seen(name, end="lost")

    def _outcome(self, line):
        response = line["response"]
        if response is None:
            return self._seen(line["custom_id"], end="lost", code=line["error"]["code"])
        seen = self._seen(line["custom_id"], end="complete", status=response["status_code"])
        seen.request_id = response["request_id"]
        if seen.status == 200:
            shapes.read(response["body"], seen)
        else:
            seen.end, seen.code = "refused", shapes.code_of(response["body"]["error"])
        return seen

    def _seen(self, name, **facts):
        script = self.scripts[name]
        return Call(
            call=name,
            act=script.act,
            kind=script.kind,
            stream=False,
            key_id=self.customer.key_id,
            is_rich=self.customer.is_rich,
            port=NOWHERE,
            started=self.started,
            ended=time.time(),
            **facts,
        )


def _lines(file):
    if file is None:
        return []
    with blobs.open_blob(blobs.of(file)) as content:
        return [msgspec.json.decode(line) for line in content]


def hurry():
    """Let go of batches whose worker is silent, as time would.

    One that lives and is only slow finds its lease gone, and writes nothing.
    """
    running = Q(status=BatchStatus.IN_PROGRESS)
    for kind, lease in ((running, LEASE), (~running, LONG_LEASE)):
        now = timezone.now()
        with service():
            held = Batch.objects.open().filter(kind, leased_until__lt=now + lease - SILENCE)
            held.update(leased_until=now)


def perform(filed, journal):
    """Bring these batches to their ends and write down what came out, whatever fails meanwhile."""
    for each in filed:
        while not attempt(each.send):
            time.sleep(TURN)
    while not all(each.has_ended for each in filed):
        time.sleep(TURN)
        attempt(hurry)
        for each in filed:
            attempt(each.look)
    for each in filed:
        for seen in each.outcomes():
            os.write(journal, msgspec.json.encode(seen) + b"\n")


def work(filing):
    """File one batch of each customer after the other until somebody asks for the end."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    journal = os.open(filing.journal, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    turn = 0
    while not asked:
        kind = plan.BATCH_KINDS[turn % len(plan.BATCH_KINDS)]
        names = [f"b{turn}-{number}" for number in range(len(filing.customers))]
        pairs = zip(names, filing.customers, strict=True)
        perform([Filed(name, each, kind, filing.seed) for name, each in pairs], journal)
        turn += 1


if __name__ == "__main__":
    work(msgspec.json.decode(sys.stdin.buffer.read(), type=Filing))
