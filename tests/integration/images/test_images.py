import ast
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.processes import REPOSITORY

# The only images that may be named, each with the one digest it is pinned to. An update changes this table too, so that
# a digest is never taken over unseen.
PINNED = {
    "ghcr.io/astral-sh/uv:python3.12-bookworm-slim": "e5b65587bce7de595f299855d7385fe7fca39b8a74baa261ba1b7147afa78e58",
    "python:3.12-slim-bookworm": "782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254",
    "postgres:17": "d74eeac9a635390a49bc21bd49fccd973de707e2a53a76ac49b552b8712ec46f",
    "redis:7-alpine": "6ab0b6e7381779332f97b8ca76193e45b0756f38d4c0dcda72dbb3c32061ab99",
    "prom/prometheus:v3.13.2": "508729e0e2d18e11fd742a5a5ca70e557b940a93948c3c95fd0123a6fd538b69",
    "cr.jaegertracing.io/jaegertracing/jaeger:2.20.0": (
        "46a886260e04002d8f45e213fc39063fa11a50446048fdaa64786fc0840cb9f8"
    ),
    "otel/opentelemetry-collector-contrib:0.153.0": "93aad750175cbf1a973ae1c5886c3371f4d800f61be25cdd26870b8441ffe9fa",
}
ALLOWED = {f"{name}@sha256:{digest}" for name, digest in PINNED.items()}
DOCKERFILE = REPOSITORY / "docker/Dockerfile"
STANDARD = REPOSITORY / "compose/docker-compose.yml"


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions: keyword and arguments, comments dropped and continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def arguments(keyword: str) -> list[str]:
    """Return the arguments of each instruction of one keyword, in order."""
    return [rest for word, rest in instructions() if word == keyword]


def stage(name: str) -> list[tuple[str, str]]:
    """Return the instructions of one stage, those of the stages it is built from before its own."""
    bodies: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for word, rest in instructions():
        if word == "FROM":
            base, _, own = rest.split()
            current = bodies[own] = list(bodies.get(base, []))
        current.append((word, rest))
    return bodies[name]


def environment(name: str) -> dict[str, str]:
    """Return what a stage's ENV instructions set."""
    pairs = [pair for word, rest in stage(name) if word == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def compose_files() -> list[Path]:
    """Return the compose files; there is at least one."""
    found = sorted((REPOSITORY / "compose").glob("*.y*ml"))
    return [path for path in found if "services" in (yaml.safe_load(path.read_text()) or {})]


def services(path: Path) -> dict[str, dict[str, Any]]:
    """Return the services of a compose file."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return loaded


def test_the_bases_of_the_images_are_pinned() -> None:
    """Every FROM names an earlier stage or an argument whose default is an allowed image with its digest."""
    defaults = dict(rest.split("=", 1) for rest in arguments("ARG") if "=" in rest)
    stages: set[str] = set()
    bases: set[str] = set()
    for rest in arguments("FROM"):
        base, _, own = rest.split()
        if base not in stages:
            bases.add(defaults[base.removeprefix("${").removesuffix("}")])
        stages.add(own)
    assert len(bases) == 2
    assert bases <= ALLOWED


def test_no_instruction_brings_an_image_in_past_the_arguments() -> None:
    """COPY --from and RUN --mount=from name stages only, and no parser directive names a frontend image."""
    stages = {rest.split()[2] for rest in arguments("FROM")}
    sources = re.findall(r"[-,]from=(\S+?)[,\s]", DOCKERFILE.read_text())
    assert sources
    assert set(sources) <= stages
    assert not re.search(r"^#\s*syntax\s*=", DOCKERFILE.read_text(), re.MULTILINE | re.IGNORECASE)


def test_the_images_of_compose_are_pinned() -> None:
    """Each service of each compose file runs an image built there, or an allowed one with its digest."""
    files = compose_files()
    assert files
    for path in files:
        built = {service["image"] for service in services(path).values() if "build" in service}
        assert all(image.startswith("routeiq-") for image in built), path.name
        used = {service["image"] for service in services(path).values()}
        assert used <= ALLOWED | built, path.name


def test_no_tool_that_reads_the_pins_is_left_out() -> None:
    """An updater is configured for each place that pins: Renovate for ARG, Dependabot for all others."""
    dependabot = yaml.safe_load((REPOSITORY / ".github/dependabot.yml").read_text())
    kinds = {update["package-ecosystem"] for update in dependabot["updates"]}
    assert kinds >= {"uv", "docker", "docker-compose", "github-actions"}
    renovate = json.loads((REPOSITORY / ".github/renovate.json").read_text())
    assert renovate["enabledManagers"] == ["dockerfile"]


def test_environments_come_from_the_lock_file() -> None:
    """Each build copies uv.lock, and every uv sync is frozen, without tools for development and not editable."""
    synced = 0
    for name in ("gateway-build", "syncd-build"):
        assert any(word == "COPY" and "uv.lock" in rest for word, rest in stage(name))
        runs = " && ".join(rest for word, rest in stage(name) if word == "RUN")
        commands = re.findall(r"uv sync[^&]*", runs)
        for command in commands:
            assert {"--frozen", "--no-dev", "--no-editable"} <= set(command.split())
        synced += len(commands)
        assert not re.search(r"\b(pip|uv pip|uv add|uv lock)\b", runs)
    assert synced >= 4


def test_dependencies_are_installed_before_our_source_is_copied() -> None:
    """A change of our source keeps the layer of dependencies: the first sync comes before any source."""
    for name, members in (("gateway-build", {"gateway", "syncd", "migrate"}), ("syncd-build", {"syncd", "migrate"})):
        steps = stage(name)
        first_sync = next(i for i, (word, rest) in enumerate(steps) if word == "RUN" and "uv sync" in rest)
        copied = [(i, source) for i, (word, rest) in enumerate(steps) if word == "COPY" for source in rest.split()[:-1]]
        assert members == {source for i, source in copied if i > first_sync}
        assert all(source.endswith(("pyproject.toml", "uv.lock")) for i, source in copied if i < first_sync)
        assert "--no-install-workspace" in steps[first_sync][1]


def test_the_programs_of_supervisord_are_on_the_image() -> None:
    """Each command that supervisord.conf runs is a script of a member that the gateway image installs, or a shell's."""
    programs = re.findall(r"^command=(.+)$", (REPOSITORY / "supervisord.conf").read_text(), re.MULTILINE)
    assert len(programs) == 3
    installed = set[str]()
    for member in ("gateway", "syncd", "migrate"):
        installed |= tomllib.loads((REPOSITORY / member / "pyproject.toml").read_text())["project"]["scripts"].keys()
    named = {name for program in programs for name in re.findall(r"\brouteiq-\w+", program)}
    assert named == installed
    root = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    assert installed <= set(root), "the gateway image syncs the root project, so the root must need each member"
    own = environment("gateway-build")["UV_PROJECT_ENVIRONMENT"] + "/bin"
    assert [rest for word, rest in stage("gateway") if word == "COPY" and rest.endswith(" /etc/routeiq/bin/")] == [
        "docker/prisma /etc/routeiq/bin/"
    ]
    assert environment("gateway")["PATH"].split(":")[0] == "/etc/routeiq/bin"
    assert environment("runtime")["PATH"].split(":")[0] == own


def test_the_gateway_image_is_the_default_and_starts_supervisord() -> None:
    """The last stage is the gateway; supervisord is PID 1, with the file beside the script that becomes it."""
    assert arguments("FROM")[-1].split()[2] == "gateway"
    last = {word: rest for word, rest in stage("gateway") if word in {"CMD", "ENTRYPOINT", "STOPSIGNAL"}}
    assert json.loads(last["CMD"]) == ["/etc/routeiq/start.sh", "/app/config/config.yaml"]
    assert (REPOSITORY / "docker/start.sh").read_text().endswith('\nexec supervisord -c "$here/supervisord.conf"\n')
    assert "ENTRYPOINT" not in last
    assert last["STOPSIGNAL"] == "SIGTERM"
    copied = "supervisord.conf docker/start.sh docker/first_start.sh docker/config.default.yaml /etc/routeiq/"
    assert ("COPY", copied) in stage("gateway")


@pytest.mark.parametrize("name", ["gateway", "syncd"])
def test_images_run_without_root_and_write_in_two_places(name: str) -> None:
    """Each image runs as uid 1000 in group 0, with its volume and its home where it may write."""
    steps = stage(name)
    assert [rest for word, rest in steps if word == "USER"][-1] == "1000:0"
    assert [rest for word, rest in steps if word == "VOLUME"] == ["/var/lib/routeiq"]
    assert any("install -d -o 1000 -g 0 -m 0775 /var/lib/routeiq" in rest for word, rest in steps if word == "RUN")
    wanted = {
        "ROUTEIQ_VOLUME": "/var/lib/routeiq",
        "HOME": "/tmp",  # noqa: S108 - what is writable in a read-only container
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    assert wanted.items() <= environment(name).items()


def test_the_default_configuration_is_where_syncd_looks() -> None:
    """The image holds the demo configuration at the path that syncd reads when nothing is set."""
    assert ("COPY", "docker/config.default.yaml /app/config/config.yaml") in stage("gateway")
    settings = (REPOSITORY / "syncd/src/routeiq_syncd/settings.py").read_text()
    assert 'Path("/app/config/config.yaml")' in settings


@pytest.mark.parametrize(("name", "path"), [("gateway", "/health/live"), ("syncd", "/livez")])
def test_health_checks_ask_for_life(name: str, path: str) -> None:
    """Each image's health check is valid Python, asks for life, not for readiness, and gives a start its time."""
    check = next(rest for word, rest in reversed(stage(name)) if word == "HEALTHCHECK")
    options, _, command = check.partition(" CMD ")
    program, flag, code = json.loads(command)
    assert (program, flag) == ("python", "-c")
    ast.parse(code)
    assert path in code
    assert "--start-period=" in options


def test_no_secret_is_built_in() -> None:
    """No ARG or ENV of the Dockerfile is named like a secret: what is passed at build can be read from an image."""
    words = [
        pair.split("=")[0] for keyword in ("ARG", "ENV") for rest in arguments(keyword) for pair in shlex.split(rest)
    ]
    assert words
    assert not [word for word in words if re.search(r"KEY|TOKEN|SECRET|PASSWORD|DATABASE_URL", word)]


def test_the_build_context_holds_only_what_the_build_reads() -> None:
    """The context starts empty, and every path that the Dockerfile copies from it is let in."""
    rules = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    for rest in arguments("COPY"):
        if rest.startswith("--from="):
            continue
        for source in rest.split()[:-1]:
            assert (REPOSITORY / source).exists(), source
            assert source in let_in or {f"{source}/pyproject.toml", f"{source}/src"} <= let_in, source
    assert not [path for path in let_in if path.startswith((".env", "var", "config.yaml", ".git"))]


def test_the_standard_set_up_is_locked_down() -> None:
    """The standard compose file demands a key, drops every capability, and can write only to its volume and /tmp."""
    gateway = services(STANDARD)["gateway"]
    assert gateway["environment"]["LITELLM_MASTER_KEY"].startswith("${LITELLM_MASTER_KEY:?set ")
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["security_opt"] == ["no-new-privileges:true"]
    assert [entry.split(":")[0] for entry in gateway["tmpfs"]] == ["/tmp"]  # noqa: S108 - a mount in the container
    volumes = [entry.rsplit("}", 1)[-1] for entry in gateway["volumes"]]
    assert volumes == [":/app/config:ro", "routeiq:/var/lib/routeiq"]
    assert not {"privileged", "cap_add", "user"} & gateway.keys()
    assert any(port.endswith(":4000") for port in gateway["ports"])
    assert "/health/ready" in gateway["healthcheck"]["test"][-1]


def test_a_stop_under_compose_outlasts_the_drain() -> None:
    """Compose waits longer for a stop than the gateway may drain; otherwise it would cut the last streams."""
    gateway = services(STANDARD)["gateway"]
    grace = int(gateway["stop_grace_period"].removesuffix("s"))
    assert grace > int(gateway["environment"]["ROUTEIQ_DRAIN_SECONDS"])


def test_the_standard_set_up_names_files_that_exist() -> None:
    """What compose mounts, builds and reads is there, and the root file includes the standard one."""
    gateway = services(STANDARD)["gateway"]
    folder = STANDARD.parent
    assert (folder / gateway["build"]["context"] / gateway["build"]["dockerfile"]).samefile(DOCKERFILE)
    mounted = re.search(r":-([^}]+)}:/app/config", gateway["volumes"][0])
    default = re.search(r":-([^}]+)}", gateway["environment"]["LITELLM_CONFIG_PATH"])
    assert mounted
    assert default
    assert (folder / mounted[1] / default[1]).is_file()
    assert gateway["build"]["target"] in {rest.split()[2] for rest in arguments("FROM")}
    root = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    assert root == {"include": ["compose/docker-compose.yml"]}


def test_ci_may_only_read_and_its_actions_are_pinned() -> None:
    """Workflows have read access to the contents and nothing else, and name every action by commit."""
    for path in sorted((REPOSITORY / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path.name
        for job in workflow["jobs"].values():
            assert "permissions" not in job, path.name
            for step in job["steps"]:
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", f"run@{'0' * 40}")), path.name


def test_ci_runs_everything_on_each_python() -> None:
    """CI checks the lock file, and runs .ci/run on every Python that the project declares."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
    runs = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in workflow["jobs"].items()}
    assert "lock --check" in runs["lock"]
    assert ".ci/run" in runs["test"]
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["requires-python"]
    first, last = (int(minor) for minor in re.findall(r"3\.(\d+)", declared))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(first, last)]
