"""How a Slurm cluster is reached, and where jobs go there: what an operator says once."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from compute.schedulers.slurm.tokens import mint

#: Before the credential: it is the key that tokens are signed with, and we mint our own.
KEY = "key:"
LIFETIME = 300
#: Of users, partitions, accounts, kinds of service.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
FOLDER = re.compile(r"/[A-Za-z0-9_./-]{1,200}")


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What is said of a cluster beside its address and its credential.

    ``folder`` is shared by the portal and all nodes: jobs work and write their logs below it.
    """

    user: str
    folder: str
    partition: str = ""
    qos: str = ""
    #: Who is charged; ``{tenant}`` is the organization. Only where there is an accounting database.
    account: str = ""
    has_accounting: bool = False
    #: Where programs and our own modules lie on the nodes.
    programs: str = "/usr/local/bin:/usr/bin:/bin"
    house: str = ""
    #: The dialect, such as "43"; empty: the newest that both sides speak.
    version: str = ""
    #: A job is told this long before its time is up.
    warning_seconds: int = 60
    #: A file of certificates, where the service's is not one that this machine trusts.
    authorities: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Return the options, or raise ValueError that says which of them cannot be."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(facts.keys() - known):
            raise ValueError(f"a Slurm cluster has no option {unknown[0]!r}")
        if missing := sorted({"user", "folder"} - facts.keys()):
            raise ValueError(f"a Slurm cluster needs the option {missing[0]!r}")
        options = cls(**facts)
        options._look()
        return options

    def _look(self) -> None:
        words = {"user": self.user, "partition": self.partition, "qos": self.qos}
        words["account"] = self.account.replace("{tenant}", "t")
        for name, value in words.items():
            if (value or name == "user") and not WORD.fullmatch(value):
                raise ValueError(f"{name}: {value!r} is no name that Slurm knows")
        for name, value in {"folder": self.folder, "house": self.house}.items():
            if (value or name == "folder") and (not FOLDER.fullmatch(value) or ".." in value):
                raise ValueError(f"{name}: {value!r} is no path of a folder, such as /shared/jobs")


def token_of(credential: str, user: str) -> str:
    """Return a token for the user: the stored one, or one that is minted with the stored key."""
    if not credential.startswith(KEY):
        return credential
    try:
        key = base64.b64decode(credential.removeprefix(KEY), validate=True)
    except binascii.Error as error:
        raise ValueError("the key that tokens are signed with is not Base64") from error
    return mint(user, key, lifetime=LIFETIME)
