"""What each fault of a dataset means and how it is mended, in words for people."""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

#: By the code of the fault: what it is, and what to do.
ADVICE: dict[str, tuple[StrOrPromise, StrOrPromise]] = {
    "not_json_lines": (
        _("This is no file of JSON Lines"),
        _("Save it as plain text in UTF-8, with one JSON object on each line."),
    ),
    "file_deleted": (
        _("The file was deleted before it was checked"),
        _("Upload it once more."),
    ),
    "too_few_examples": (
        _("There are too few examples"),
        _("Ten are needed; a hundred good ones teach far more."),
    ),
    "line_too_long": (
        _("A line is too long"),
        _("Keep each example below one mebibyte: shorten it, or make several of it."),
    ),
    "invalid_utf8": (
        _("A line is not UTF-8"),
        _("Save the file in UTF-8; editors offer this as “Encoding”."),
    ),
    "invalid_json": (
        _("A line is not JSON"),
        _(
            "Each line is one whole JSON object: double quotes, no comma before a closing bracket, "
            "no line breaks inside."
        ),
    ),
    "invalid_number": (
        _("A number is none that JSON knows"),
        _("NaN, Infinity and numbers with thousands of digits cannot be used; leave them out."),
    ),
    "not_an_object": (
        _("A line is not an object"),
        _("Begin each line with { and end it with }; a list around all examples is not needed."),
    ),
    "duplicate_key": (
        _("A key stands twice in one object"),
        _("Keep one of them."),
    ),
    "too_deep": (
        _("A line is nested too deeply"),
        _("An example needs a few levels; something was wrapped again and again."),
    ),
    "invalid_character": (
        _("A character cannot be used"),
        _("Remove U+0000 and halves of surrogate pairs; they come from broken conversions."),
    ),
    "unknown_key": (
        _("A key has no meaning here"),
        _("Remove it, or give it the name that is expected."),
    ),
    "invalid_tools": (
        _("The tools are no list"),
        _("Write “tools” as a list of functions, as in a request to a model."),
    ),
    "missing_messages": (
        _("The messages are missing"),
        _("Each example has “messages”: a list of what was said, in order."),
    ),
    "invalid_message": (
        _("A message is not an object"),
        _("Write each message with “role” and “content”."),
    ),
    "invalid_role": (
        _("A role is not known"),
        _("Use system, user, assistant or tool; “human” is user, “gpt” and “bot” are assistant."),
    ),
    "missing_content": (
        _("The content of a message is missing"),
        _("Write what was said as “content”; only a message with tool calls may have none."),
    ),
    "empty_content": (
        _("The content of a message is empty"),
        _("Write what was said, or leave the example out."),
    ),
    "unsupported_content": (
        _("A content is not text"),
        _("Only text can be learnt; leave images and sounds out."),
    ),
    "invalid_weight": (
        _("A weight is neither 0 nor 1"),
        _("Give answers of the assistant 1 to learn them and 0 to pass them by; others have none."),
    ),
    "invalid_tool_calls": (
        _("A tool call is not complete"),
        _("Each call of the assistant has an id and a function with its name and arguments."),
    ),
    "unknown_tool_call": (
        _("An answer of a tool belongs to no call"),
        _("Give “tool_call_id” the id of an earlier call in the same example."),
    ),
    "system_not_first": (
        _("A system message does not stand first"),
        _("Move it to the beginning of the messages."),
    ),
    "missing_user": (
        _("Nobody asks"),
        _("Each example has at least one message of the user."),
    ),
    "last_not_assistant": (
        _("The last message is not the assistant's"),
        _("End each example with the answer that is to be learnt."),
    ),
    "other_format": (
        _("This is written as another tool writes it"),
        _("It can be made into messages here, with one click."),
    ),
    "repeated_example": (
        _("An example stands there more than once"),
        _("What is repeated is learnt more than the rest; keep one of each, unless that is meant."),
    ),
    "personal_data": (
        _("There is personal data, or a secret"),
        _("A model may repeat what it has learnt. Each can be replaced by its kind in brackets."),
    ),
    "special_token": (
        _("A text has marks of templates in it"),
        _("A model may take them for the end of a message; remove what came in by accident."),
    ),
    "nothing_to_learn": (
        _("Nothing is to be learnt"),
        _("Give at least one answer of the example the weight 1, or no weight at all."),
    ),
}
