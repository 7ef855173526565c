"""Examples that are right: to look at, to copy, and to begin with."""

import json
from typing import Any

QUESTIONS = (
    ("My SIM card is lost. What now?", "Call 117 at once: we block it, and send a new one today."),
    ("How do I top up?", "Dial *100#, choose 1 and type the code of your voucher."),
    ("Why is my internet slow?", "Your bundle is used up; dial *105# to buy another one."),
    ("Can I keep my number?", "Yes. Bring your passport to a shop; it takes two days."),
    ("Do you have 5G in Almaty?", "Yes, in the whole city and at the airport."),
    ("How much is roaming in Turkey?", "A day costs 900 tenge, with 500 MB and all calls."),
    ("I want a paper invoice.", "Gladly: open Invoices in the app and choose Paper."),
    ("How do I change my plan?", "In the app, under Plan; the new one begins next month."),
    ("Who called me from 7575?", "That is our voice mail; dial 121 to hear the message."),
    ("Does eSIM work on my phone?", "Dial *#06#. If an EID is shown, it does."),
    ("I paid twice.", "I am sorry. It comes back to your card within three days."),
    ("Close my account.", "I can do that. Bring your passport to a shop, or write to us."),
)  # fmt: skip
MANNER = "You answer customers of a telecom operator: short, friendly, exact."


def example(question: str, answer: str) -> dict[str, Any]:
    """Return one example: what is asked, and the answer that is to be learnt."""
    return {
        "messages": [
            {"role": "system", "content": MANNER},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def first() -> str:
    """Return one line of it."""
    return json.dumps(example(*QUESTIONS[0]), ensure_ascii=False)


def content() -> str:
    """Return a whole dataset that can be used."""
    found = [json.dumps(example(*each), ensure_ascii=False) for each in QUESTIONS]
    return "".join(f"{line}\n" for line in found)
