"""What is left of a caller's limits, as headers and refusals tell it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.errors import TooFast

MINUTE = 60.0
#: More than any bucket's share that is left.
NO_LIMIT = 2.0


class Limit(msgspec.Struct, frozen=True):
    """One bucket: its name and its size; 0 means no limit of that kind."""

    name: str
    requests: int
    tokens: int
    concurrency: int
    #: Whose limit it is, for people.
    owner: str = "model"


class Standing(msgspec.Struct, frozen=True):
    """What is left of a bucket, or of the tightest of each kind, for the headers."""

    limit: Limit
    requests: float
    tokens: float

    def headers(self) -> dict[str, str]:
        """Return OpenAI's rate-limit headers."""
        found: dict[str, str] = {}
        if most := self.limit.requests:
            left = self.requests
            found["x-ratelimit-limit-requests"] = str(most)
            found["x-ratelimit-remaining-requests"] = str(int(left) if left > 0 else 0)
            found["x-ratelimit-reset-requests"] = duration((most - left) * MINUTE / most)
        if most := self.limit.tokens:
            left = self.tokens
            found["x-ratelimit-limit-tokens"] = str(most)
            found["x-ratelimit-remaining-tokens"] = str(int(left) if left > 0 else 0)
            found["x-ratelimit-reset-tokens"] = duration((most - left) * MINUTE / most)
        return found


def duration(seconds: float) -> str:
    """Return a time as OpenAI writes it in headers: 250ms, 6.5s, 1m30s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds > 0 else "0ms"
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{rest:.3f}".rstrip("0").rstrip(".") + "s"


def standings_of(limits: Sequence[Limit], numbers: Sequence[Any]) -> list[Standing]:
    """Return what is left of each bucket; Redis tells it as texts."""
    return [
        Standing(limit, float(numbers[2 * place]), float(numbers[2 * place + 1]))
        for place, limit in enumerate(limits)
    ]


def tightest(standings: list[Standing]) -> Standing:
    """Return what the headers tell: of requests and of tokens, each the bucket nearest its end."""
    if len(standings) == 1:
        return standings[0]
    requests = min(standings, key=_requests_left)
    tokens = min(standings, key=_tokens_left)
    limit = Limit("", requests.limit.requests, tokens.limit.tokens, 0)
    return Standing(limit, requests.requests, tokens.tokens)


def _requests_left(standing: Standing) -> float:
    most = standing.limit.requests
    return standing.requests / most if most else NO_LIMIT


def _tokens_left(standing: Standing) -> float:
    most = standing.limit.tokens
    return standing.tokens / most if most else NO_LIMIT


TOKENS_USED_UP = "token_limit_exceeded"
#: What the script says was used up.
CODES = {
    1: "rate_limit_exceeded",
    2: TOKENS_USED_UP,
    3: "concurrency_limit_exceeded",
}


def too_fast(refused: int, standing: Standing, tokens: int) -> TooFast:
    """Return the refusal that says which limit is used up and when to come again."""
    limit = standing.limit
    if refused == 3:
        wait, what = 1.0, "parallel calls"
    elif refused == 1:
        wait, what = (1 - standing.requests) * MINUTE / max(1, limit.requests), "requests a minute"
    else:
        lacking = min(tokens, limit.tokens) - standing.tokens
        wait, what = lacking * MINUTE / max(1, limit.tokens), "tokens a minute"
    headers = standing.headers()
    headers["retry-after"] = str(max(1, int(-(-wait // 1))))
    headers["retry-after-ms"] = str(max(1, int(wait * 1000)))
    return TooFast(
        f"The {limit.owner}'s limit of {what} is used up. Try again in {duration(wait)}.",
        code=CODES[refused],
        headers=headers,
    )
