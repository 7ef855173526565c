"""The script that Slurm starts: once per name, in a folder of its own, nothing but the command."""

import re
import shlex

from compute.scheduler import JobSpec, Rejected

#: Of a variable; whatever else there is goes into quotes.
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
#: The folder is made by the first start of a name. A second one, of a job that was put back into
#: the queue or submitted twice, leaves: whether to try again is not the cluster's to decide.
SCRIPT = """#!/bin/bash
umask 077
work={work}
if ! mkdir -- "$work"; then
    [ -d "$work" ] && exit 75
    exit 126
fi
cd -- "$work" || exit 126
exec {command}
"""


def script_of(spec: JobSpec, folder: str) -> str:
    """Return the script; the command takes its place, so that signals and exit codes are its own."""
    words = [*spec.command, *spec.environment, *spec.environment.values()]
    if not spec.command or any("\0" in word for word in words):
        raise Rejected("The command cannot be written down.")
    if bad := [name for name in spec.environment if not VARIABLE.fullmatch(name)]:
        raise Rejected(f"{bad[0]!r} is not a name of a variable.")
    work = shlex.quote(f"{folder}/{spec.name}")
    return SCRIPT.format(work=work, command=shlex.join(spec.command))
