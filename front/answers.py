"""What tenancy asks: who the operator is, and which terms people accept."""

from front import face, legal
from front.face import Face
from tenants import ports


class Operator:
    """Answers from what staff published, else from the settings."""

    def face(self) -> Face:
        """Return the operator's face in the language that is spoken now."""
        return face.current()

    def terms_version(self) -> str:
        """Return the version of the terms that holds today."""
        return legal.terms_version()


ports.operator = Operator()
