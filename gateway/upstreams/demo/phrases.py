"""How an answer begins and ends, in the languages the simulator answers in."""

import msgspec


class Phrases(msgspec.Struct, frozen=True):
    """Sentences around the body of an answer."""

    asked: str
    asked_nothing: str
    tool_said: str
    closing: str


PHRASES = {
    "en": Phrases(
        asked="You asked: “{text}”",
        asked_nothing="You sent no text.",
        tool_said="The tool answered: “{text}”",
        closing="(Written by Tessera's demo engine, a simulator.)",
    ),
    "fr": Phrases(
        asked="Vous avez demandé : « {text} »",
        asked_nothing="Vous n'avez envoyé aucun texte.",
        tool_said="L'outil a répondu : « {text} »",
        closing="(Écrit par le moteur de démonstration de Tessera, un simulateur.)",
    ),
    "ru": Phrases(
        asked="Вы спросили: «{text}»",
        asked_nothing="Вы не прислали текста.",
        tool_said="Инструмент ответил: «{text}»",
        closing="(Написано демонстрационным движком Tessera, это симулятор.)",
    ),
    "kk": Phrases(
        asked="Сіз сұрадыңыз: «{text}»",
        asked_nothing="Сіз мәтін жіберген жоқсыз.",
        tool_said="Құрал жауап берді: «{text}»",
        closing="(Tessera демонстрациялық қозғалтқышы жазды, бұл симулятор.)",
    ),
    "ar": Phrases(
        asked="سألت: «{text}»",
        asked_nothing="لم ترسل نصا.",
        tool_said="أجابت الأداة: «{text}»",
        closing="(كتبه محرك العرض في Tessera، وهو محاكاة.)",
    ),
}

#: What a reasoning model thinks; how much of it depends on the effort asked for.
THOUGHTS = (
    "First I read the question again and note what is asked.",
    "The answer should be short, true and useful.",
    "I know a few sentences about language models and about this service.",
    "I choose the ones that share words with the question.",
    "Numbers and names must come from the question itself, because I am a simulator.",
    "I check that the language of the answer is the language of the question.",
    "I leave out what is not needed.",
    "Then I write the answer and say at its end who wrote it.",
)
EFFORTS = {"none": 0, "minimal": 1, "low": 2, "medium": 4, "high": 8, "xhigh": 16}
