"""Usage on its way to PostgreSQL: what waits, and when it is too much."""

import pytest

from gateway.errors import Unavailable
from gateway.journal import Journal
from gateway.recorder import Recorder
from tests.gateway.test_edges import settled


async def test_while_too_much_waits_for_postgresql_nothing_more_is_let_in(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.recorder.MOST_WAITING", 2)
    recorder = Recorder(None, Journal(tmp_path, "p1"), "p1", commit=False)
    await recorder.settle(settled(1))
    recorder.check()

    await recorder.settle(settled(2))

    assert (recorder.waiting, recorder.is_full) == (2, True)
    with pytest.raises(Unavailable) as caught:
        recorder.check()
    assert (caught.value.status, caught.value.headers["retry-after"]) == (503, "5")
