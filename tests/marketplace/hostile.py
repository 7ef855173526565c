"""A server that answers its health, its models and its metrics as a test wants, also badly."""

import socket
import threading
import time

MODELS = b'{"object":"list","data":[{"id":"atlas-mini"}]}'
METRICS = b"""# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 2.0
vllm:num_requests_waiting{engine="0",model_name="a"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.75
vllm:request_success_total{finished_reason="stop"} 12345.0
"""


def whole(body, status=200, extra=""):
    """Return an answer as it goes over the wire."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{extra}\r\n"
    return head.encode() + body


class HostileServer:
    """Sends what ``answers`` holds for a path: bytes, or a function of the connection."""

    def __init__(self):
        self.asked = []
        self.answers = {
            "/health": whole(b"{}"),
            "/v1/models": whole(MODELS),
            "/metrics": whole(METRICS),
        }
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.is_open = True
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def origin(self):
        """Return its address."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def base_url(self):
        """Return the address a server of ours has."""
        return f"{self.origin}/v1"

    def stop(self):
        """Refuse connections from now on."""
        self.is_open = False
        self.listener.close()

    def _serve(self):
        while self.is_open:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            asked = b""
            while b"\r\n\r\n" not in asked:
                piece = connection.recv(65_536)
                if not piece:
                    return
                asked += piece
            path = asked.split(b" ", 2)[1].decode()
            is_named = b"authorization: bearer" in asked.lower()
            self.asked.append((path, is_named))
            answer = self.answers.get(path, whole(b"", 404))
            try:
                answer(connection) if callable(answer) else connection.sendall(answer)
            except OSError:
                return


def hang(connection):
    """Take the question and say nothing."""
    time.sleep(20)


def drip(connection):
    """Send a head that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 X\r\n")
    for _ in range(200):
        connection.sendall(b"X")
        time.sleep(0.1)


def drip_chunk(connection):
    """Send the size of a body's first piece without an end, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.1)


def drip_trailers(connection):
    """Send a whole body, and behind it headers without an end."""
    connection.sendall(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    for _ in range(200):
        connection.sendall(b"X: x\r\n")
        time.sleep(0.1)


def flood(connection):
    """Send a body without an end."""
    connection.sendall(b"HTTP/1.1 200 X\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)
