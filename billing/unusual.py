"""What spend is unusual for who spends it; plain Python, without a database.

A window (the last hour, the last day) is compared with the windows of the same length that ended
at the same time of day on each of the days before. It is unusual when it passes all of:

* a floor, below which nobody is disturbed;
* twice what is usual: the median, or the most on the same day of the week, so that growth and
  what runs once a week (a batch on Sundays) disturb nobody;
* the median and 3.5 robust deviations: the modified z-score ``0.6745 (x - median) / MAD`` with the
  limit 3.5 that B. Iglewicz and D. Hoaglin recommend ("How to Detect and Handle Outliers", ASQC
  1993; also NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.5.17). MAD is the median
  of the distances from the median: one wild day moves neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

ZERO = Decimal(0)
#: The modified z-score above which a value is an outlier, and what makes MAD a standard deviation.
LIMIT, SCALE = Decimal("3.5"), Decimal("0.6745")
#: Growth of less than this is growth.
TIMES = 2
WEEK = 7
#: The days before that are looked at, and of how many at least anything is usual.
DAYS_BEFORE, FEWEST = 28, 7
#: From so many times the limit on it is grave, and very grave.
HIGH, SEVERE = 3, 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """A window's spend, what is usual, and what it would have to pass to be unusual."""

    spent: Decimal
    usual: Decimal
    limit: Decimal

    @property
    def level(self) -> int:
        """0 where it is not unusual, then 1 to 3."""
        if self.spent <= self.limit:
            return 0
        return 1 + sum(self.spent >= times * self.limit for times in (HIGH, SEVERE))


def judge(spent: Decimal, before: Mapping[int, Decimal], *, days: int, floor: Decimal) -> Judgement:
    """Judge a window's spend by those of the ``days`` before, keyed by how many days ago they ended.

    Days without an entry had no spend. With fewer than :data:`FEWEST` days nothing is unusual yet:
    that is for the rule of new customers.
    """
    known = [before.get(ago, ZERO) for ago in range(1, min(days, DAYS_BEFORE) + 1)]
    if len(known) < FEWEST:
        return Judgement(spent, median(known) if known else ZERO, max(spent, floor))
    middle = median(known)
    deviation = median(abs(it - middle) for it in known)
    usual = max(middle, *known[WEEK - 1 :: WEEK])
    return Judgement(spent, usual, max(floor, TIMES * usual, middle + LIMIT * deviation / SCALE))
