"""How a run says that it cannot go on, and whose matter that is."""

from typing import Any


class Refused(Exception):
    """What was asked or given cannot be done; told to who asked, in words and by a code."""

    #: Of the process; 64 to 66 blame what was asked or given.
    exit_code = 65

    def __init__(self, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code or self.usual_code
        self.param = param

    #: Where the one who raises it gives none.
    usual_code = "invalid_training_file"

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"code": self.code, "message": str(self), "param": self.param or None}


class BadOrder(Refused):
    """What was asked makes no sense."""

    exit_code = 64
    usual_code = "invalid_order"


class BadInput(Refused):
    """The training file is not what was promised, or nothing can be learnt from it as asked."""


class NoInput(Refused):
    """Something that was to be read is not there."""

    exit_code = 66
    usual_code = "file_not_found"


class Interrupted(Exception):
    """The cluster wants its machine back."""

    exit_code = 75
