# “E” is a month in the case that a day asks for: “5 марта”, where “F” says “март”.
DATE_FORMAT = "j E Y"
DATETIME_FORMAT = "j E Y, H:i e"
