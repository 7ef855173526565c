"""Currencies as Stripe knows them: minor units, smallest and largest charge, and the look."""

from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.parameters import Parameters

WITHOUT_MINOR_UNIT = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
WITH_THREE_DIGITS = "bhd jod kwd omr tnd"
#: Among them the krona and the Ugandan shilling, which have no minor unit any more.
WITH_TWO_DIGITS = """
aed afn all amd aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils
inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr
mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle
sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd yer zar zmw
"""
DIGITS = (
    dict.fromkeys(WITHOUT_MINOR_UNIT.split(), 0)
    | dict.fromkeys(WITH_THREE_DIGITS.split(), 3)
    | dict.fromkeys(WITH_TWO_DIGITS.split(), 2)
)
SMALLEST_CHARGE = {"aed": 200, "czk": 1500, "dkk": 250, "gbp": 30, "huf": 17500, "pln": 200}
LARGEST_CHARGE = 99_999_999
SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥"}


def digits(currency: str) -> int:
    """Return how many digits stand behind the decimal point."""
    return DIGITS.get(currency, 2)


def show(amount: int, currency: str) -> str:
    """Return an amount of minor units as people read it: ``€1,050.00``."""
    places = digits(currency)
    whole, rest = divmod(abs(amount), 10**places)
    number = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    sign = "-" if amount < 0 else ""
    return f"{sign}{SYMBOLS.get(currency, currency.upper() + ' ')}{number}"


def read(params: Parameters, name: str = "currency") -> str:
    """Return a supported currency code in lower case."""
    code = params.needed(name).lower()
    if code not in DIGITS:
        raise InvalidParameter(
            f"Invalid currency: {code[:20]}. Stripe does not support it.", param=params.path(name)
        )
    return code


def check_charge(amount: int, currency: str, param: str) -> None:
    """Refuse an amount that Stripe would not charge."""
    smallest = SMALLEST_CHARGE.get(currency, 50)
    if amount < smallest:
        message = f"Amount must be at least {show(smallest, currency)} {currency}"
        raise InvalidParameter(message, code="amount_too_small", param=param)
    if amount > LARGEST_CHARGE:
        message = f"Amount must be no more than {show(LARGEST_CHARGE, currency)}"
        raise InvalidParameter(message, code="amount_too_large", param=param)
    if digits(currency) == 3 and amount % 10:
        message = f"Invalid amount: {currency.upper()} amounts must be evenly divisible by 10"
        raise InvalidParameter(message, param=param)
