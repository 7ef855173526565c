"""How many tokens a picture or a sound can be: the rule in a model's record, and nothing else.

A rule may count too many and never too few: what it says is reserved before the engine is asked.
"""

from dataclasses import dataclass

#: Of what nobody has a rule for; then only what the model can read at most is a bound.
UNBOUNDED = 1 << 40
#: What no engine we know passes for one picture.
USUAL_MOST = 16_384
#: What a picture, and a second of sound, is in many models.
USUAL_PICTURE, USUAL_SECOND = 256, 10
#: Engines that count tiles first fit a picture into a square of so many pixels, then scale it until
#: its shorter side has so many.
LONGEST_SIDE, SHORTER_SIDE = 2048, 768
UNRULED, FIXED, TILES, PATCHES = "unknown", "fixed", "tiles", "patches"


@dataclass(frozen=True, slots=True)
class MediaRule:
    """Tokens by picture: ``base``, and ``each`` for every tile or patch of ``side`` pixels."""

    image_rule: str = UNRULED
    base: int = 0
    each: int = 0
    side: int = 0
    most: int = USUAL_MOST
    audio_per_second: int = 0

    def image(self, width: int, height: int, detail: str = "auto") -> int:
        """Return the tokens of a picture; one whose size is not known (0) counts the most."""
        if self.image_rule == FIXED:
            return min(self.base, self.most)
        if self.image_rule not in (TILES, PATCHES) or not width or not height or not self.side:
            return self.most
        if self.image_rule == PATCHES:
            return min(self.base + self.each * self._pieces(width, height), self.most)
        if detail == "low":
            return min(self.base, self.most)
        return min(self.base + self.each * self._pieces(*scaled(width, height)), self.most)

    def likely_image(self, width: int, height: int, detail: str = "auto") -> int:
        """Return the same where it is known, else what is usual: for bills without a better count."""
        count = self.image(width, height, detail)
        is_known = self.image_rule == FIXED or (self.image_rule in (TILES, PATCHES) and width)
        return count if is_known else min(count, USUAL_PICTURE)

    def audio(self, seconds: int | None) -> int:
        """Return the tokens of a sound that is at most so long; of an unknown one nobody can say."""
        if seconds is None or not self.audio_per_second:
            return UNBOUNDED
        return self.audio_per_second * seconds

    def likely_audio(self, seconds: int) -> int:
        """Return the tokens of a sound that is likely so long."""
        return (self.audio_per_second or USUAL_SECOND) * seconds

    def _pieces(self, width: int, height: int) -> int:
        return -(-width // self.side) * -(-height // self.side)


def scaled(width: int, height: int) -> tuple[int, int]:
    """Return the size at which tiles are counted, rounded up to whole pixels."""
    longest = max(width, height)
    if longest > LONGEST_SIDE:
        width, height = -(-width * LONGEST_SIDE // longest), -(-height * LONGEST_SIDE // longest)
    shorter = min(width, height)
    return -(-width * SHORTER_SIDE // shorter), -(-height * SHORTER_SIDE // shorter)


#: What holds of models whose record says nothing.
UNKNOWN = MediaRule()
