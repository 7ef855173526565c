"""Exit 0 when the part on this port answers `/healthz`: `healthy.py PORT`."""

import os
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

PATH = "/healthz"


def main() -> None:
    """Ask in the name that browsers use, as if TLS had ended in front of us."""
    public = urlsplit(os.environ.get("PUBLIC_URL", "http://localhost"))
    headers = {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
    connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=2)
    try:
        connection.request("GET", PATH, headers=headers)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        sys.exit(f"{PATH} on port {sys.argv[1]}: {error}")
    if status != 200:
        sys.exit(f"{PATH} on port {sys.argv[1]} answers {status}")


if __name__ == "__main__":
    main()
