"""What a run needs of its machine: no rights, no disk, no network but the database; and what it leaves behind."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc  # type: ignore[import-untyped] # it ships no types
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.migrate import BAD_SETTINGS, COMMAND, DONE, is_current, migrate, shipped_scripts
from tests.support.postgres import PostgresServer, reachable
from tests.support.processes import clean_environment, free_port

AUDITED = """
import sys
def watch(event, arguments):
    if event == "socket.connect":
        print("CONNECT", arguments[1], flush=True)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        print("WRITE", arguments[0], flush=True)
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.mkdir", "os.rename", "os.remove"):
        print("OTHER", event, flush=True)
sys.addaudithook(watch)
sys.argv = ["routeiq-migrate", "up"]
from routeiq_migrate.__main__ import main
main()
"""


def unprivileged() -> list[str]:
    """Return what runs a command as uid 12345 on a file system of which nothing can be written."""
    if os.geteuid() != 0:
        return ["prlimit", "--fsize=0"]
    # An interpreter below somebody's private folder is still to be read; nothing more than that.
    read = (
        ""
        if reachable(Path(sys.executable).resolve())
        else "--inh-caps +dac_read_search --ambient-caps +dac_read_search"
    )
    become = f"setpriv --reuid 12345 --regid 12345 --clear-groups {read} prlimit --fsize=0"
    return ["unshare", "--mount", "sh", "-c", f'mount -o remount,bind,ro / && exec {become} "$@"', "sh"]


def test_a_stranger_on_a_read_only_file_system(server: PostgresServer, database: str) -> None:
    """Any uid, nothing writable, no home: ``up``, ``up`` again and ``wait`` succeed."""
    environment = clean_environment(DATABASE_URL=server.url(database), HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
    for command in (["up"], ["up"], ["wait"], ["status"]):
        done = subprocess.run(
            [*unprivileged(), COMMAND, *command],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == DONE, done.stderr
    assert is_current(server, database)


def test_only_the_database_is_talked_to_and_nothing_is_written(server: PostgresServer, database: str) -> None:
    """Python's own audit of a whole run: every connection goes to the server, and no file is opened for writing."""
    done = subprocess.run(
        [sys.executable, "-c", AUDITED],
        env=clean_environment(DATABASE_URL=server.url(database), PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == DONE, done.stderr
    seen = [line for line in done.stdout.splitlines() if line.startswith(("CONNECT", "WRITE", "OTHER"))]
    assert set(seen) == {f"CONNECT ('127.0.0.1', {server.port})"}


def test_the_package_of_migrations_is_never_run(server: PostgresServer, database: str) -> None:
    """LiteLLM and its extras are data here: neither is imported, whatever the command."""
    code = (
        "import sys, runpy\nsys.argv = ['routeiq-migrate', '{}']\n"
        "try:\n    runpy.run_module('routeiq_migrate', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code in (0, 1), end.code\n"
        "assert not [name for name in sys.modules if name.startswith('litellm')]\n"
    )
    for command in ("status", "plan", "up"):
        subprocess.run(
            [sys.executable, "-c", code.format(command)],
            env=clean_environment(DATABASE_URL=server.url(database)),
            check=True,
            capture_output=True,
            timeout=100,
        )


def test_litellm_and_extras_that_do_not_belong_together(server: PostgresServer, tmp_path: Path) -> None:
    """The installed LiteLLM asks for another release of the extras: exit 2, naming both."""
    metadata = tmp_path / "litellm-9.9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: litellm\nVersion: 9.9.9\n"
        'Requires-Dist: litellm-proxy-extras==0.0.1; extra == "proxy"\n'
    )
    done = migrate("up", url=server.url(), PYTHONPATH=str(tmp_path))
    assert done.returncode == BAD_SETTINGS
    assert "litellm 9.9.9" in done.stderr
    assert "litellm-proxy-extras 0.0.1" in done.stderr


def test_a_terminal_gets_a_bar(server: PostgresServer, late: str) -> None:
    """On a terminal one line fills up; there is no line a migration."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "up"], env=clean_environment(DATABASE_URL=server.url(late), TERM="xterm"), stderr=follower
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        shown += chunk
        if not chunk:
            break
    os.close(leader)
    assert process.wait(timeout=60) == DONE
    total = len(shipped_scripts()) - 200 + 1
    text = shown.decode()
    assert f"█ {total}/{total}" in text
    assert text.count("\r\x1b[K") == total
    assert '"event"' not in text


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the names of the spans it is sent."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.services: set[str] = set()

    def Export(  # noqa: N802 - the protocol's name
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keep and acknowledge."""
        assert context is not None
        self.names += [
            span.name for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        self.services |= {
            attribute.value.string_value
            for resource in request.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[Collector, int]]:
    """An OTLP receiver over gRPC and its port."""
    port = free_port()
    receiver = Collector()
    grpc_server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, grpc_server)  # type: ignore[no-untyped-call] # generated
    grpc_server.add_insecure_port(f"127.0.0.1:{port}")
    grpc_server.start()
    yield receiver, port
    grpc_server.stop(None)


def test_spans_are_sent_before_the_end(server: PostgresServer, late: str, collector: tuple[Collector, int]) -> None:
    """With an endpoint the run and each migration are spans, and the log carries their trace; without, none."""
    receiver, port = collector
    endpoint = f"http://127.0.0.1:{port}"
    done = migrate("up", url=server.url(late), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert done.returncode == DONE, done.stderr
    assert receiver.names.count("routeiq_migrate.migration") == len(shipped_scripts()) - 200
    assert receiver.names.count("routeiq_migrate.up") == 1
    assert '"trace_id"' in done.stderr
    assert receiver.services == {"routeiq-migrate"}
    sent = len(receiver.names)
    assert migrate("up", url=server.url(late)).returncode == DONE
    sampled = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "LLMROUTER_OTEL_SAMPLE_RATE": "0"}
    assert migrate("up", url=server.url(late), **sampled).returncode == DONE
    assert len(receiver.names) == sent


def test_a_collector_that_is_down_holds_nobody_up(server: PostgresServer, late: str) -> None:
    """Spans that nobody takes cost a few seconds at most, and not the exit code."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    done = migrate("up", url=server.url(late), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert done.returncode == DONE
