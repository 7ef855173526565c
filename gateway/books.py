"""What an answer is billed: measured, paid from its reservation, and handed to the recorder."""

from typing import Any

from billing.funds import Settled
from gateway import worth
from gateway.admitted import Admitted
from gateway.metrics import Bill
from gateway.recorder import Recorder
from gateway.usage import Calibration, Delivered, Measured, measure
from marketplace.queries import OfferSnapshot


class Books:
    """Closes the books on the requests of this process, one by one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._calibrations: dict[str, Calibration] = {}

    def check(self) -> None:
        """Refuse new work while too much is still to be written."""
        self._recorder.check()

    def calibration(self, offer: OfferSnapshot) -> Calibration:
        """Return what a token of this offer is."""
        return self._calibrations.setdefault(offer.name, Calibration())

    def measure(self, admitted: Admitted, usage: Any, delivered: Delivered) -> Measured:
        """Return what to bill of what was delivered, given the engine's claim."""
        if echoed := admitted.call.echoed:
            delivered = Delivered(max(0, delivered.size - echoed), delivered.events)
        return measure(usage, admitted.bounds, delivered, self.calibration(admitted.offer))

    def note(self, admitted: Admitted, delivered: Delivered, ttft_ms: int | None) -> None:
        """Write into the journal what was delivered so far of a stream in flight."""
        so_far = self.measure(admitted, None, delivered)
        self._recorder.progress(_settled(admitted, so_far, ttft_ms, "interrupted"))

    async def settle(
        self, admitted: Admitted, measured: Measured, ttft_ms: int | None, outcome: str
    ) -> None:
        """Bill a request, once; when this returns no kill can make it free."""
        settled = _settled(admitted, measured, ttft_ms, outcome)
        reservation, admitted.reservation = admitted.reservation, None
        if reservation is not None:
            reservation.purse.settle(reservation, admitted.rates.need(measured.parts))
        admitted.used = measured.total
        reserved = reservation.allowed if reservation is not None else worth.ZERO
        tokens = admitted.prompt.bound + admitted.cap * admitted.call.choices
        admitted.exchange.bill = Bill(settled, tokens, reserved)
        await self._recorder.settle(settled)


def free(admitted: Admitted) -> None:
    """Release the whole reservation, if there is one left: nothing was delivered."""
    reservation, admitted.reservation = admitted.reservation, None
    if reservation is not None:
        reservation.purse.settle(reservation, worth.Need(worth.ZERO, worth.ZERO))


def _settled(admitted: Admitted, measured: Measured, ttft_ms: int | None, outcome: str) -> Settled:
    rates, caller, offer = admitted.rates, admitted.caller, admitted.offer
    parts = {part: count for part, count in measured.parts.items() if count}
    slices = admitted.reservation.slices if admitted.reservation else []
    windows = admitted.reservation.windows if admitted.reservation else []
    paid = worth.split(rates.need(parts), slices)
    return Settled(
        organization_id=caller.organization_id,
        project_id=caller.project_id,
        api_key_id=caller.id,
        event_id=admitted.exchange.id,
        occurred_at=admitted.occurred_at,
        offer_id=offer.offer_id,
        offer_name=offer.name,
        region=offer.region,
        parts=parts,
        price_ids={part: rates.price_ids[part] for part in parts},
        amounts=rates.amounts(parts),
        currency=caller.currency,
        allocations=list(paid.allocations),
        budgets=windows,
        ttft_ms=ttft_ms,
        latency_ms=admitted.milliseconds(),
        streamed=admitted.call.stream,
        outcome=outcome,
        policy={
            "jurisdiction": offer.jurisdiction,
            "allowed_jurisdictions": caller.allowed_jurisdictions,
            "estimated": measured.estimated,
        },
    )
