"""What an answer is billed: measured, paid from its reservation, and handed to the recorder."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from billing.burning import Allocation
from billing.funds import Settled
from gateway import policy, worth
from gateway.admitted import Admitted
from gateway.metrics import Bill
from gateway.recorder import Recorder
from gateway.tokenizers import Tokenizers
from gateway.usage import Calibration, Counted, Delivered, Measured, measure
from gateway.words import Said
from gateway.worth import Priced
from marketplace.queries import OfferSnapshot

NO_WINDOWS: Sequence[UUID] = ()
NO_ALLOCATIONS: Sequence[Allocation] = ()


class Books:
    """Closes the books on the requests of this process, one by one."""

    def __init__(self, recorder: Recorder, tokenizers: Tokenizers) -> None:
        self._recorder = recorder
        self._tokenizers = tokenizers
        self._calibrations: dict[str, Calibration] = {}

    def check(self) -> None:
        """Refuse new work while too much is still to be written."""
        self._recorder.check()

    def calibration(self, offer: OfferSnapshot) -> Calibration:
        """Return what a token of this offer is."""
        found = self._calibrations.get(offer.name)
        if found is None:
            found = self._calibrations[offer.name] = Calibration()
        return found

    def measure(
        self,
        admitted: Admitted,
        usage: Any,
        delivered: Delivered,
        counted: Counted | None = None,
    ) -> Measured:
        """Return what to bill of what was delivered, given the engine's claim."""
        if echoed := admitted.call.echoed:
            delivered = Delivered(max(0, delivered.size - echoed), delivered.events)
        calibration = self.calibration(admitted.offer)
        return measure(usage, admitted.bounds, delivered, calibration, counted)

    async def recount(
        self, admitted: Admitted, usage: Any, delivered: Delivered, said: Said | None
    ) -> Measured:
        """Return the same, with what the model's own tokenizer counts in place of estimates."""
        counted = await self._tokenizers.counted(admitted, said)
        return self.measure(admitted, usage, delivered, counted)

    def note(self, admitted: Admitted, delivered: Delivered) -> None:
        """Write into the journal what was delivered so far of a stream in flight."""
        so_far = self.measure(admitted, None, delivered)
        priced, reservation = admitted.agreement.rates.price(so_far.parts), admitted.reservation
        slices = reservation.slices if reservation else []
        windows = reservation.windows if reservation else NO_WINDOWS
        paid = worth.split(priced.need, slices).allocations
        settled = _settled(admitted, so_far, priced, paid, windows, "interrupted")
        self._recorder.progress(settled)

    async def settle(self, admitted: Admitted, measured: Measured, outcome: str) -> None:
        """Bill a request, once; when this returns no kill can make it free."""
        priced, reservation = admitted.agreement.rates.price(measured.parts), admitted.reservation
        reserved, windows, paid = worth.ZERO, NO_WINDOWS, NO_ALLOCATIONS
        if reservation is not None:
            admitted.reservation = None
            reserved, windows = reservation.allowed, reservation.windows
            paid = reservation.purse.settle(reservation, priced.need).allocations
        settled = _settled(admitted, measured, priced, paid, windows, outcome)
        admitted.used = measured.total
        tokens = admitted.prompt.bound + admitted.cap * admitted.call.choices
        admitted.exchange.bill = Bill(settled, priced.need.money, tokens, reserved)
        await self._recorder.settle(settled)


def free(admitted: Admitted) -> None:
    """Release the whole reservation, if there is one left: nothing was delivered."""
    reservation, admitted.reservation = admitted.reservation, None
    if reservation is not None:
        reservation.purse.settle(reservation, worth.NOTHING)


def _settled(
    admitted: Admitted,
    measured: Measured,
    priced: Priced,
    paid: Sequence[Allocation],
    windows: Sequence[UUID],
    outcome: str,
) -> Settled:
    caller, offer = admitted.caller, admitted.offer
    facts: dict[str, Any] = {
        "jurisdiction": offer.jurisdiction,
        "allowed_jurisdictions": caller.allowed_jurisdictions,
        "estimated": measured.estimated,
        "classification": policy.level(caller, admitted.exchange.headers),
    }
    if measured.estimated:
        facts["counted_by"] = {"prompt": measured.prompt_by, "completion": measured.completion_by}
    return Settled(
        organization_id=caller.organization_id,
        project_id=caller.project_id,
        api_key_id=caller.id,
        event_id=admitted.exchange.id,
        occurred_at=admitted.occurred_at,
        offer_id=offer.offer_id,
        offer_name=offer.name,
        region=offer.region,
        parts=priced.parts,
        price_ids=priced.price_ids,
        amounts=priced.amounts,
        multipliers=priced.multipliers,
        currency=caller.currency,
        allocations=list(paid),
        budgets=list(windows),
        ttft_ms=admitted.ttft_ms,
        latency_ms=admitted.milliseconds(),
        inter_token_us=admitted.inter_token_us,
        streamed=admitted.call.stream,
        outcome=outcome,
        policy=facts,
    )
