"""A door before PostgreSQL that a test can shut or hold: behind it the server lives on for others."""

import os
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from tests.support import servers

SOCKET = ".s.PGSQL.5432"
VARIABLES = ("DATABASE_URL", "DATABASE_SERVICE_URL", "DATABASE_ADMIN_URL")


class Door:
    """A socket that passes everything on to the real one, as long as it is open."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="door-"))
        self.ends = []
        self.passing = threading.Event()
        self.passing.set()
        self.open()

    @property
    def variables(self):
        """Return the variables that lead a process through this door."""
        return {name: os.environ[name].split("?")[0] + f"?host={self.folder}" for name in VARIABLES}

    def open(self):
        """Let connections through."""
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.folder / SOCKET))
        self.listening.listen()
        threading.Thread(target=self.accept, args=[self.listening], daemon=True).start()

    def accept(self, listening):
        """Take connections until the door is shut."""
        with suppress(OSError):
            while True:
                near, _address = listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(servers.folder() / SOCKET))
                self.ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=[source, target], daemon=True).start()

    def carry(self, source, target):
        """Carry bytes from one end to the other."""
        with suppress(OSError):
            while data := source.recv(65536):
                self.passing.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def freeze(self):
        """Take connections and bytes, and answer nothing, as a stopped process does."""
        self.passing.clear()

    def thaw(self):
        """Go on where everything stood."""
        self.passing.set()

    def shut(self):
        """Cut every connection and take no more."""
        self.passing.set()
        (self.folder / SOCKET).unlink(missing_ok=True)
        for each in [self.listening, *self.ends]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self.ends.clear()
