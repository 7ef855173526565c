"""A mail server on this machine that refuses what the test names."""

import re
import socketserver
import threading
from collections import Counter
from contextlib import contextmanager

AFTER_DATA = "DATA"


class Session(socketserver.StreamRequestHandler):
    """One conversation; like many a server, it does not go on after three refusals."""

    def handle(self):
        self.server.sessions += 1
        self.to, self.refusals = [], 0
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            word = line.split()[0].upper().decode()
            code = getattr(self, f"do_{word.lower()}", self.do_other)(line.decode())
            self.refusals += code >= 400
            self.wfile.write(b"%d %s\r\n" % (code, self.server.words))
            if code in (221, 421) or self.refusals == 3:
                return

    def do_other(self, line):
        return 250

    def do_quit(self, line):
        return 221

    def do_mail(self, line):
        self.to = []
        return self.server.refused.get(_address(line), 250)

    def do_rcpt(self, line):
        address = _address(line)
        self.server.asked[address] += 1
        code = self.server.refused.get(address, 250)
        if code == 250:
            self.to.append(address)
        return code

    def do_data(self, line):
        self.wfile.write(b"354 go on\r\n")
        list(iter(self.rfile.readline, b".\r\n"))
        codes = [self.server.refused.get((AFTER_DATA, it), 250) for it in self.to]
        if max(codes) == 250:
            self.server.taken += self.to
        return max(codes)


def _address(line):
    return re.search(r"<(.*?)>", line)[1]


class Server(socketserver.ThreadingTCPServer):
    """What it takes stands in ``taken``, by address; ``refused`` says what it answers instead."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Session)
        self.refused, self.taken, self.asked, self.sessions = {}, [], Counter(), 0
        self.words = b"of course"


@contextmanager
def run(settings):
    """Let the test's mail go to a server that is yielded."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()
