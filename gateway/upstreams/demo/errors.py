"""Refusals, in the envelope that OpenAI's clients read."""

import msgspec


class ApiError(Exception):
    """A request that gets no answer, and why."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code

    @property
    def kind(self) -> str:
        """Return OpenAI's name for the family of the error."""
        if self.status >= 500:
            return "server_error"
        return "rate_limit_error" if self.status == 429 else "invalid_request_error"

    def body(self) -> bytes:
        """Return the envelope."""
        return msgspec.json.encode(
            {
                "error": {
                    "message": self.message,
                    "type": self.kind,
                    "param": self.param,
                    "code": self.code,
                }
            }
        )


def unknown_model(name: str) -> ApiError:
    """Return the refusal of a model that is not here."""
    return ApiError(
        f"The model `{name}` does not exist.", status=404, param="model", code="model_not_found"
    )
