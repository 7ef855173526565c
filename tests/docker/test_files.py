"""What can be said of the image and the compose file without a container engine."""

import ast
import re
import shutil
import subprocess

import pytest
import yaml

from portal.environment import ROOT

DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
ENTRYPOINT = (DOCKER / "entrypoint.sh").read_text()
IGNORED = (DOCKER / "Dockerfile.dockerignore").read_text().split("\n")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"] == "tessera"}
PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)(:[?-])?([^}]*)\}")


def read_by_us():
    """Return the variables that the settings or the entrypoint read."""
    code = (ROOT / "portal" / "environment.py").read_text()
    names = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    return {str(name) for name in names} | set(re.findall(r"\$\{([A-Z_]+)", ENTRYPOINT))


def stages():
    """Return the lines of each stage of the Dockerfile, continued lines joined."""
    lines = DOCKERFILE.replace("\\\n", " ").split("\n")
    starts = [place for place, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_container_is_read(name):
    assert set(OURS[name]["environment"]) - read_by_us() == set()


def test_what_a_part_needs_is_given_to_it():
    needed = re.search(r"needs (DATABASE_URL.*)", ENTRYPOINT)[1].split()

    assert all(set(needed) <= set(each["environment"]) for each in OURS.values())
    owners = {name for name, each in OURS.items() if "DATABASE_ADMIN_URL" in each["environment"]}
    assert owners == {"migrate", "worker"}


def test_secrets_come_from_outside_and_a_missing_one_stops_the_start():
    text = (DOCKER / "compose.yaml").read_text()
    secret = re.compile(r"SECRET|PASSWORD|STRIPE|EMAIL")

    asked = {name: (how, default) for name, how, default in PLACEHOLDER.findall(text)}

    assert {name for name in asked if secret.search(name)} == {
        "SECRET_KEY",
        "APP_PASSWORD",
        "OWNER_PASSWORD",
        "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "EMAIL_URL",
    }
    assert {asked[name] for name in asked if secret.search(name)} == {(":?", "")}
    assert not re.search(r"\b(sk|rk|whsec)_(test|live)?_?\w", text + DOCKERFILE + ENTRYPOINT)


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_the_entrypoint_knows(name):
    (part,) = OURS[name]["command"]

    assert f"\n{part})\n" in ENTRYPOINT


def test_every_part_the_entrypoint_names_has_a_container():
    parts = set(re.findall(r"^([a-z]+)\)$", ENTRYPOINT, re.MULTILINE))

    assert parts - {"healthy"} == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_a_container_is_held_back(name):
    service = OURS[name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_nothing_of_the_stores_is_published():
    assert all("ports" not in COMPOSE["services"][name] for name in ("postgres", "valkey"))


def test_volumes_are_declared_and_files_are_shared_by_those_who_need_them():
    used = {name: each.get("volumes", []) for name, each in COMPOSE["services"].items()}

    assert {each.split(":")[0] for every in used.values() for each in every} == set(
        COMPOSE["volumes"]
    )
    assert used["web"] == used["worker"] != used["gateway"]
    state = re.search(r"TESSERA_STATE=(\S+)", DOCKERFILE)[1]
    assert all(each.endswith(f":{state}") for name in OURS for each in used[name])


def test_health_is_asked_where_the_parts_answer():
    path = re.search(r'PATH = "(.+)"', (DOCKER / "healthy.py").read_text())[1]

    assert f'path("{path[1:]}"' in (ROOT / "portal" / "urls.py").read_text()
    assert f'"{path}"' in (ROOT / "gateway" / "app.py").read_text()
    (_cmd, program, part, port) = OURS["gateway"]["healthcheck"]["test"]
    assert (program, part) == ("/app/docker/entrypoint.sh", "healthy")
    assert f"${{GATEWAY_PORT:-{port}}}" in ENTRYPOINT


def test_all_that_is_copied_exists():
    copied = [
        source
        for stage in stages()
        for line in stage
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]

    assert copied == ["package.json", "package-lock.json", "requirements/base.txt", "."]
    assert all((ROOT / source).exists() for source in copied)
    assert not {"package.json", "package-lock.json", "requirements"} & set(IGNORED)


def test_modules_that_build_the_image_exist():
    modules = re.findall(r"python -m (portal\.\w+)", DOCKERFILE)

    assert modules == ["portal.assets", "portal.translations"]
    assert all((ROOT / f"{name.replace('.', '/')}.py").exists() for name in modules)


def test_the_image_runs_as_nobody_in_particular():
    last = stages()[-1]
    (user,) = [line.split()[1] for line in last if line.startswith("USER ")]

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert last.index(f"USER {user}") > max(
        place for place, line in enumerate(last) if line.startswith("RUN ")
    )


def test_what_is_secret_or_made_elsewhere_stays_outside_the_build():
    secret = {".git*", ".state", ".venv*", ".env", "**/.env*", "node_modules"}

    assert secret <= set(IGNORED)
    assert not re.search(r"^(ARG|ENV).*(SECRET|PASSWORD|KEY|TOKEN)", DOCKERFILE, re.MULTILINE)


def test_installs_are_pinned():
    assert "pip install --require-hashes -r" in DOCKERFILE
    assert "npm ci " in DOCKERFILE
    assert all(re.search(r":[\w.-]*\d", stage[0].split()[1]) for stage in stages())


def test_the_entrypoint_is_a_program_that_a_plain_shell_runs():
    assert (DOCKER / "entrypoint.sh").stat().st_mode & 0o111 == 0o111
    assert ENTRYPOINT.startswith("#!/bin/sh\n")
    subprocess.run([shutil.which("sh"), "-n", DOCKER / "entrypoint.sh"], check=True)
