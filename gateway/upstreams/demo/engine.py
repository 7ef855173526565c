"""The engine's state: what it was told, what it has read, what it has done."""

from gateway.upstreams.demo.behaviour import Behaviours
from gateway.upstreams.demo.delivery import Answer, Delivery
from gateway.upstreams.demo.ledger import Ledger
from gateway.upstreams.demo.prefixes import Prefixes
from gateway.upstreams.demo.template import Prompt
from gateway.upstreams.demo.web import Exchange


class Engine:
    """One simulated engine with all its models."""

    def __init__(self) -> None:
        self.behaviours = Behaviours()
        self.ledger = Ledger()
        self._prefixes = Prefixes()

    def cached(self, model: str, prompt: Prompt) -> int:
        """Return how many tokens of the prompt need not be read again."""
        told = self.behaviours.of(model).cached_tokens
        seen = self._prefixes.cached(model, prompt)
        return seen if told is None else min(told, prompt.tokens)

    async def deliver(
        self, exchange: Exchange, answer: Answer, *, model: str, stream: bool
    ) -> None:
        """Send an answer to its client."""
        delivery = Delivery(exchange, self.behaviours, self.ledger)
        await delivery.send(answer, model=model, stream=stream)
