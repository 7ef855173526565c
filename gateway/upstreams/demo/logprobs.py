"""Log probabilities in the right shape: the same for the same token, and without meaning."""

from gateway.upstreams.demo import tokenizer

Entry = dict[str, object]


def value(token: int, rank: int = 0) -> float:
    """Return a log probability; a higher rank is less likely."""
    return -round((token * 7919 % 997) / 1000 + 0.001 + rank * 1.5, 3)


def alternatives(token: int, number: int) -> list[int]:
    """Return the token and others that might have stood there, most likely first."""
    size = tokenizer.size()
    return [(token + place * 31) % size for place in range(number)]


def chat(token: int, number: int) -> Entry:
    """Return one token's entry in a chat answer, with so many alternatives."""
    top = [_entry(other, rank) for rank, other in enumerate(alternatives(token, number))]
    return {**_entry(token, 0), "top_logprobs": top}


def _entry(token: int, rank: int) -> Entry:
    raw = tokenizer.token_bytes(token)
    return {
        "token": raw.decode("utf-8", "replace"),
        "logprob": value(token, rank),
        "bytes": list(raw),
    }


def plain(ids: list[int], number: int, start: int) -> Entry:
    """Return the entry of a plain completion whose text begins at this place."""
    names = [tokenizer.token_bytes(token).decode("utf-8", "replace") for token in ids]
    offsets = [start + sum(map(len, names[:place])) for place in range(len(names))]
    return {
        "tokens": names,
        "token_logprobs": [value(token) for token in ids],
        "top_logprobs": [_top(token, number) for token in ids],
        "text_offset": offsets,
    }


def _top(token: int, number: int) -> dict[str, float]:
    return {
        tokenizer.token_bytes(other).decode("utf-8", "replace"): value(token, rank)
        for rank, other in enumerate(alternatives(token, number))
    }
