"""What the page about ``/v1`` says of it: endpoints, headers and refusals, one table each.

A new endpoint or refusal is one line here; the page and its translations follow.
"""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address below the base URL, and what it is for."""

    method: str
    path: str
    purpose: StrOrPromise


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints that belong together."""

    title: StrOrPromise
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a header of an answer tells."""

    name: str
    meaning: StrOrPromise


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, the codes that come with it, and what to do about them."""

    status: int
    codes: tuple[str, ...]
    advice: StrOrPromise


GROUPS = (
    Group(
        _("Models"),
        (
            Endpoint(
                "GET", "/models", _("The models that your key may call, with region and price.")
            ),
            Endpoint("GET", "/models/{model}", _("One of them.")),
        ),
    ),
    Group(
        _("Inference"),
        (
            Endpoint(
                "POST",
                "/chat/completions",
                _("Chat: whole or streamed, with tools, JSON mode, several choices and logprobs."),
            ),
            Endpoint(
                "POST",
                "/responses",
                _("The same in the shape of OpenAI's Responses API; nothing is stored."),
            ),
            Endpoint("POST", "/messages", _("The same in the shape of Anthropic's API.")),
            Endpoint(
                "POST", "/messages/count_tokens", _("How many tokens such a message would have.")
            ),
            Endpoint("POST", "/completions", _("A text continued.")),
            Endpoint("POST", "/embeddings", _("Texts as vectors.")),
            Endpoint("POST", "/rerank", _("Documents, ordered by how well they answer a query.")),
        ),
    ),
    Group(
        _("Batches"),
        (
            Endpoint(
                "POST",
                "/batches",
                _("Answer a file of requests within a day, at the price of batches."),
            ),
            Endpoint("GET", "/batches", _("Your batches.")),
            Endpoint(
                "GET",
                "/batches/{batch}",
                _("One of them, with its counts and its files of results."),
            ),
            Endpoint("POST", "/batches/{batch}/cancel", _("Stop it.")),
        ),
    ),
    Group(
        _("Files and fine-tuning"),
        (
            Endpoint("POST", "/files", _("Upload a file: up to 512 MB, 10 GB in all.")),
            Endpoint(
                "POST",
                "/uploads",
                _("Announce a file that comes in parts of up to 64 MB, within an hour."),
            ),
            Endpoint("POST", "/uploads/{upload}/parts", _("Send a part.")),
            Endpoint("POST", "/uploads/{upload}/complete", _("Make the file of its parts.")),
            Endpoint("POST", "/uploads/{upload}/cancel", _("Give it up.")),
            Endpoint("GET", "/uploads/{upload}", _("Where it stands, and which parts are there.")),
            Endpoint("GET", "/files", _("Your files, with checksum and jurisdiction.")),
            Endpoint("GET", "/files/{file}", _("One of them.")),
            Endpoint("GET", "/files/{file}/content", _("What is in it.")),
            Endpoint(
                "GET",
                "/files/{file}/validation",
                _("What is wrong with a training file, line by line."),
            ),
            Endpoint(
                "POST",
                "/files/{file}/fixes",
                _("Have a new file made of it, mended by fixes that were offered."),
            ),
            Endpoint("GET", "/files/{file}/fixes", _("The files that were made so.")),
            Endpoint("DELETE", "/files/{file}", _("Delete it.")),
            Endpoint("POST", "/fine_tuning/jobs", _("Start a fine-tuning job.")),
            Endpoint("GET", "/fine_tuning/jobs", _("Your jobs.")),
            Endpoint("GET", "/fine_tuning/jobs/{job}", _("One of them, with its state.")),
            Endpoint("GET", "/fine_tuning/jobs/{job}/events", _("What happened to it so far.")),
            Endpoint("POST", "/fine_tuning/jobs/{job}/cancel", _("Stop it.")),
            Endpoint(
                "POST",
                "/fine_tuning/checkpoints/{model}/permissions",
                _("Let other projects call what a job has made."),
            ),
            Endpoint(
                "GET",
                "/fine_tuning/checkpoints/{model}/permissions",
                _("Which projects may call it."),
            ),
            Endpoint(
                "DELETE",
                "/fine_tuning/checkpoints/{model}/permissions/{permission}",
                _("Take it back from a project."),
            ),
            Endpoint("DELETE", "/models/{model}", _("Retire what a job has made, for good.")),
        ),
    ),
    Group(
        _("Usage"),
        (
            Endpoint(
                "GET",
                "/usage",
                _("What this key spent today and this month, its own limits, and the balance."),
            ),
            Endpoint(
                "GET",
                "/receipts/{request}",
                _("What one request used, at which price, paid from which credit."),
            ),
        ),
    ),
)

HEADERS = (
    Header("x-request-id", _("The request's number: for its receipt, and for support.")),
    Header("x-ratelimit-limit-requests", _("Requests a minute, at most.")),
    Header("x-ratelimit-remaining-requests", _("How many of them are left.")),
    Header("x-ratelimit-reset-requests", _("When all of them are there again, such as 6.5s.")),
    Header("x-ratelimit-limit-tokens", _("Tokens a minute, at most.")),
    Header("x-ratelimit-remaining-tokens", _("How many of them are left.")),
    Header("x-ratelimit-reset-tokens", _("When all of them are there again, such as 6.5s.")),
    Header("retry-after", _("With 429 and 503: how many seconds to wait.")),
    Header(
        "x-tessera-max-tokens",
        _("The longest answer that the balance pays for, where you allowed a longer one."),
    ),
    Header("deprecation", _("Since when it is announced that the model goes, as RFC 9745 says.")),
    Header("sunset", _("Until when such a model can be called, as RFC 8594 says.")),
)

REFUSALS = (
    Refusal(
        400,
        (
            "invalid_value",
            "missing_required_parameter",
            "unknown_parameter",
            "unsupported_parameter",
            "invalid_json",
            "invalid_http",
            "invalid_request",
            "invalid_input_file",
            "invalid_training_file",
            "input_file_deleted",
            "model_not_supported",
        ),
        _("Correct the request: “param” names the field."),
    ),
    Refusal(
        401,
        ("missing_api_key", "invalid_api_key", "expired_api_key"),
        _("Check the key, or create a new one."),
    ),
    Refusal(
        402,
        ("insufficient_funds", "budget_exceeded"),
        _("Buy a bundle, or raise the budget: the message has the link. The model was not called."),
    ),
    Refusal(
        403,
        (
            "permission_denied",
            "scope_missing",
            "ip_not_allowed",
            "jurisdiction_not_allowed",
            "classification_not_cleared",
            "terms_not_accepted",
            "access_not_granted",
            "organization_suspended",
            "organization_waiting",
            "organization_refused",
        ),
        _("The key is good and may not do this: the message says why."),
    ),
    Refusal(
        404,
        ("model_not_found", "not_found"),
        _("Unknown, or not for this key: the list of models has those it may call."),
    ),
    Refusal(405, ("method_not_allowed",), _("The header “allow” names the method to use.")),
    Refusal(408, ("request_timeout",), _("The body stopped coming. Send it again.")),
    Refusal(
        409,
        ("batch_wrong_state", "job_wrong_state", "idempotency_key_reused"),
        _("It has changed meanwhile, or means something else: read it again."),
    ),
    Refusal(
        413,
        ("request_too_large", "file_too_large", "storage_quota_exceeded"),
        _("Send less: 10 MB of JSON, or a file of 512 MB, at most."),
    ),
    Refusal(415, ("unsupported_media_type",), _("Send JSON, as application/json.")),
    Refusal(
        429,
        ("rate_limit_exceeded", "token_limit_exceeded", "concurrency_limit_exceeded"),
        _("Wait as long as “retry-after” says. OpenAI's clients do so by themselves."),
    ),
    Refusal(431, ("head_too_large",), _("Send fewer or shorter headers.")),
    Refusal(500, ("internal_error",), _("Our fault. Tell support the request's number.")),
    Refusal(
        502, ("upstream_error",), _("The model's server failed. Nothing was billed: try again.")
    ),
    Refusal(
        503,
        (
            "service_unavailable",
            "books_unavailable",
            "credit_unclear",
            "model_unpriced",
            "storage_not_ready",
        ),
        _("Nothing can answer just now. Nothing was billed: try again."),
    ),
)

#: How a refusal looks, and how the end of a stream does.
ENVELOPE = """{
  "error": {
    "message": "The parameter 'messages' is missing.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "missing_required_parameter"
  }
}"""
STREAM = """data: {"choices": [{"index": 0, "delta": {"content": "A small"}}], …}

data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], …}

data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 34, …}, …}

data: [DONE]"""
