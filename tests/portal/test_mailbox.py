"""The development mailbox."""

from django.core.mail import EmailMessage, get_connection

from portal import mailbox


def test_a_connection_over_which_nothing_went_is_no_message(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    idle = get_connection()
    idle.open()
    idle.close()
    EmailMessage("Hello", "A text", to=["ann@acme.example"]).send()

    assert len(list(tmp_path.iterdir())) == 2
    assert [it.subject for it in mailbox.newest()] == ["Hello"]
