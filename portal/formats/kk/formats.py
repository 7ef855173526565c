# Django knows no formats of Kazakh; these are Unicode's (CLDR).
DATE_FORMAT = "Y ж. j E"
DATETIME_FORMAT = "Y ж. j E, H:i e"
YEAR_MONTH_FORMAT = "Y ж. F"
DECIMAL_SEPARATOR = ","
THOUSAND_SEPARATOR = "\N{NO-BREAK SPACE}"
NUMBER_GROUPING = 3
FIRST_DAY_OF_WEEK = 1
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d.%m.%Y"]
DATETIME_INPUT_FORMATS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
]
