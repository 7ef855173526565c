"""What is counted of each part that has a price: the columns of events, and in which unit.

All parts but one are counted in what their prices are for. A price of GPU-hours is for an hour, and
what is counted are seconds; see :mod:`billing.rating.units`.
"""

from marketplace.models import OtherPart
from metering.models import GPU_SECONDS, TOKEN_PARTS

REQUESTS = OtherPart.REQUESTS.value
GPU_HOURS = OtherPart.GPU_HOURS.value
#: The column that says how much an event used of a part; a request is one whatever it used.
COLUMNS = {part: f"{part}_tokens" for part in TOKEN_PARTS} | {GPU_HOURS: GPU_SECONDS}
