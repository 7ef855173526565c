"""Mail handed over message by message: one that the mail server refuses holds up no other."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused

import structlog
from django.core.cache import cache
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

log = structlog.get_logger(__name__)

#: For how many seconds it is known which of some messages went out, while the others did not.
REMEMBERED = 86_400

#: After so many seconds a task tries again what was not taken, then after twice as long, and so on:
#: a server that does not know us yet makes us wait for minutes.
FIRST_PAUSE = 5


class Fate(Enum):
    """What became of a message."""

    SENT = "sent"
    #: The mail server will never take it, or no mail can be addressed so.
    DROPPED = "dropped"
    #: The same, by a rule of the mail server's (5.7.x): about who is written to, or about us.
    SHUT_OUT = "shut_out"
    #: The mail server does not take it now: it stays due.
    PUT_OFF = "put_off"


class PutOff(OSError):
    """Some messages are not taken now; all others went out."""


class ShutOut(PutOff):
    """A rule of the mail server's holds all messages up: that is about us, and none went out."""


def hand_over(message: EmailMessage, connection: BaseEmailBackend) -> Fate:
    """Send a message by the connection and return what became of it; what did not go is logged.

    Raises ``OSError`` where the trouble is the server's and not the message's. The connection is
    opened where it is not, and closed after a refusal: what a server keeps of it meets no other.
    """
    connection.open()
    message.connection = connection
    try:
        message.send()
    except SMTPRecipientsRefused as refusal:
        codes = [code for code, _words in refusal.recipients.values()]
        fate = _fate(refusal.recipients.values())
    except SMTPDataError as refusal:
        codes = [refusal.smtp_code]
        fate = _fate([(refusal.smtp_code, refusal.smtp_error)])
    except SMTPSenderRefused as refusal:
        # That is about us: whoever is written to gets it when it is set right.
        codes, fate = [refusal.smtp_code], Fate.PUT_OFF
    except ValueError:
        # So it is where no message can be made; an odd address is the only trouble of theirs.
        is_theirs = any(_is_odd(it) for it in message.recipients())
        codes, fate = [], Fate.DROPPED if is_theirs else Fate.PUT_OFF
    else:
        return Fate.SENT
    log.warning("mail_not_taken", fate=fate.value, codes=codes, exc_info=not codes)
    connection.close()
    return fate


def deliver(messages: Iterable[EmailMessage], *, occasion: str = "") -> int:
    """Hand over all of them; return how many went out, now or before.

    Raises :class:`PutOff` after the last where the server did not take some now,
    :class:`ShutOut` where it takes none by a rule of its own, and another ``OSError`` where it is
    away. Called again with the same, it sends what did not go out. Messages of one occasion, which
    never comes again, are the same for whom they go to, whatever they say by now; without one, those
    are that say the same.
    """
    wanted = {_mark(it, occasion): it for it in messages}
    if not wanted:
        return 0
    known = cache.get_many(wanted)
    fates = {mark: Fate(value) for mark, value in known.items()}
    try:
        with get_connection() as connection:
            for mark in [it for it in wanted if it not in fates]:
                fates[mark] = hand_over(wanted[mark], connection)
    finally:
        is_ours = set(fates.values()) == {Fate.SHUT_OUT}
        ended = {it: fate for it, fate in fates.items() if fate is not Fate.PUT_OFF and not is_ours}
        is_kept = len(ended) < len(wanted) or bool(occasion and Fate.SENT in ended.values())
        _remember(wanted, ended, is_kept=is_kept)
    if is_ours:
        raise ShutOut(f"{len(wanted)} messages are not taken by a rule of the mail server's")
    if len(ended) < len(wanted):
        raise PutOff(f"{len(wanted) - len(ended)} of {len(wanted)} messages are not taken now")
    return sum(fate is Fate.SENT for fate in fates.values())


def _remember(wanted: Iterable[str], ended: Mapping[str, Fate], *, is_kept: bool) -> None:
    """Keep what became of messages while some are still to go out, or their occasion may come back."""
    if not is_kept:
        cache.delete_many(wanted)
    elif ended:
        cache.set_many({it: fate.value for it, fate in ended.items()}, timeout=REMEMBERED)


def _fate(refusals: Iterable[tuple[int, bytes | str]]) -> Fate:
    """Return what becomes of a message that all whom it is to refuse, by their codes and words."""
    said = [(code, words.encode() if isinstance(words, str) else words) for code, words in refusals]
    if not all(code >= 500 for code, _words in said):
        return Fate.PUT_OFF
    by_rule = all(re.match(rb"\s*5\.7\.\d", words) for _code, words in said)
    return Fate.SHUT_OUT if by_rule else Fate.DROPPED


def _is_odd(address: str) -> bool:
    """Whether no mail can be addressed so: a label of its domain is too long, say."""
    try:
        sanitize_address(address, "utf-8")
    except ValueError:
        return True
    return False


def _mark(message: EmailMessage, occasion: str) -> str:
    """Return the name by which a message is known again."""
    what = (occasion,) if occasion else (str(message.subject), str(message.body))
    said = "\0".join((*message.recipients(), *what))
    return f"mailed:{hashlib.sha256(said.encode()).hexdigest()}"
