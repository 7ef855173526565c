"""Health tells the truth."""


def test_a_living_process_says_so(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_ready_process_names_what_answers(db, client):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["status"] == "ready"


def test_without_redis_it_is_not_ready(db, client, settings):
    location = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": location}}

    response = client.get("/readyz")

    assert (response.status_code, response.json()["redis"]) == (503, "unreachable")
