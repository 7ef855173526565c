#!/bin/sh
# Become one part of Tessera: web, gateway, worker, beat, migrate, or any command of manage.py.
set -eu

cd "$(dirname "$0")/.."
part="${1:-web}"
[ $# -eq 0 ] || shift

needs() {
    for name in "$@"; do
        eval "value=\${$name:-}"
        if [ -z "$value" ]; then
            echo "Tessera cannot start: $name is missing; a container has no embedded parts." >&2
            exit 2
        fi
    done
}

needs DATABASE_URL REDIS_URL SECRET_KEY

case "$part" in
web)
    # TRUSTED_PROXIES: whose X-Forwarded-For is believed (the load balancer's addresses).
    exec python -m uvicorn portal.asgi:application --host 0.0.0.0 --port "${PORT:-8000}" \
        --http httptools --loop uvloop --lifespan on --no-access-log \
        --proxy-headers --forwarded-allow-ips "${TRUSTED_PROXIES:-127.0.0.1}" \
        --timeout-graceful-shutdown 25 "$@"
    ;;
gateway)
    exec python manage.py gateway --host 0.0.0.0 --port "${GATEWAY_PORT:-8001}" "$@"
    ;;
worker)
    exec python -m celery --quiet -A portal worker --loglevel WARNING \
        --concurrency "${WORKER_CONCURRENCY:-2}" "$@"
    ;;
beat)
    exec python -m celery --quiet -A portal beat --loglevel WARNING --pidfile= \
        --schedule "$TESSERA_STATE/beat" "$@"
    ;;
migrate)
    needs DATABASE_ADMIN_URL
    exec python manage.py prepare_database "$@"
    ;;
healthy)
    exec python -c 'import os, sys
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
public = urlsplit(os.environ.get("PUBLIC_URL", "http://localhost"))
request = Request("http://127.0.0.1:" + os.environ.get("PORT", "8000") + "/healthz")
request.add_header("Host", public.netloc)
request.add_header("X-Forwarded-Proto", public.scheme)
sys.exit(urlopen(request, timeout=2).status != 200)'
    ;;
*)
    exec python manage.py "$part" "$@"
    ;;
esac
