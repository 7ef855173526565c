#!/bin/sh
# Become one part of Tessera: web, gateway, worker, batches, beat, migrate, or any command of manage.py.
# `healthy [port]` asks a running web (or, on its port, a gateway) whether it lives.
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

# A wrong variable ends the start with one sentence, where uvicorn and Celery have a traceback.
check() {
    needs DATABASE_URL REDIS_URL SECRET_KEY
    python manage.py version >/dev/null
}

# Whose X-Forwarded-For is believed: the addresses of the proxy. uvicorn reads this name.
export FORWARDED_ALLOW_IPS="${TRUSTED_PROXIES:-127.0.0.1}"

case "$part" in
web)
    check
    exec python -m uvicorn portal.asgi:application --host 0.0.0.0 --port "${PORT:-8000}" \
        --http gateway.wire:BoundedProtocol --ws none --loop uvloop --lifespan on --no-access-log --no-server-header \
        --log-level warning --proxy-headers --timeout-graceful-shutdown 25 "$@"
    ;;
gateway)
    check
    exec python manage.py gateway --host 0.0.0.0 --port "${GATEWAY_PORT:-8001}" \
        --notice "${GATEWAY_NOTICE:-5}" "$@"
    ;;
worker)
    check
    exec python -m celery --quiet -A portal worker --loglevel WARNING \
        --concurrency "${WORKER_CONCURRENCY:-2}" "$@"
    ;;
batches)
    check
    exec python -m celery --quiet -A portal worker --queues batches -n batches@%h \
        --loglevel WARNING --concurrency "${BATCH_CONCURRENCY:-1}" "$@"
    ;;
beat)
    check
    exec python -m celery --quiet -A portal beat --loglevel WARNING --pidfile= \
        --schedule "$TESSERA_STATE/beat" "$@"
    ;;
migrate)
    check
    needs DATABASE_ADMIN_URL
    exec python manage.py prepare_database "$@"
    ;;
healthy)
    exec python docker/healthy.py "${1:-${PORT:-8000}}"
    ;;
*)
    check
    exec python manage.py "$part" "$@"
    ;;
esac
