"""Traces over both of OTLP's transports, to a collector that is there, and to one that is not."""

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc  # type: ignore[import-untyped] # it ships no types
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.migrate import DONE, FAILED, migrate, shipped_scripts
from tests.support.postgres import PostgresServer
from tests.support.processes import free_port


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(  # noqa: N802 - the protocol's name
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keep and acknowledge."""
        assert context is not None
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def names(self) -> list[str]:
        """Return the name of every span."""
        return [
            span.name
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def services(self) -> set[str]:
        """Return the names of the services they come from."""
        return {
            attribute.value.string_value
            for request in self.requests
            for resource in request.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }


@contextmanager
def over_grpc(receiver: Collector) -> Iterator[int]:
    """Receive over gRPC; yield the port."""
    port = free_port()
    grpc_server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, grpc_server)  # type: ignore[no-untyped-call] # generated
    grpc_server.add_insecure_port(f"127.0.0.1:{port}")
    grpc_server.start()
    yield port
    grpc_server.stop(None)


@contextmanager
def over_http(receiver: Collector) -> Iterator[int]:
    """Receive over HTTP; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            """Keep and acknowledge."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                receiver.requests.append(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    yield http_server.server_port
    http_server.shutdown()
    thread.join()
    http_server.server_close()


@pytest.fixture(params=["grpc", "http/protobuf"])
def collector(request: pytest.FixtureRequest) -> Iterator[tuple[Collector, dict[str, str]]]:
    """An OTLP receiver, and the settings that send it spans."""
    receiver = Collector()
    with (over_grpc if request.param == "grpc" else over_http)(receiver) as port:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        yield receiver, settings | {"OTEL_EXPORTER_OTLP_PROTOCOL": request.param}


def test_spans_are_sent_before_the_end(
    server: PostgresServer, late: str, collector: tuple[Collector, dict[str, str]]
) -> None:
    """With an endpoint the run and each migration are spans, and the log carries their trace; without, none."""
    receiver, settings = collector
    done = migrate("up", url=server.url(late), **settings)
    assert done.returncode == DONE, done.stderr
    assert receiver.names().count("routeiq_migrate.migration") == len(shipped_scripts()) - 200
    assert receiver.names().count("routeiq_migrate.up") == 1
    assert '"trace_id"' in done.stderr
    assert receiver.services() == {"routeiq-migrate"}
    sent = len(receiver.names())
    assert migrate("up", url=server.url(late)).returncode == DONE
    assert migrate("up", url=server.url(late), **settings, LLMROUTER_OTEL_SAMPLE_RATE="0").returncode == DONE
    assert len(receiver.names()) == sent


def test_no_span_carries_a_secret_or_a_row(
    server: PostgresServer, late: str, tmp_path: Path, collector: tuple[Collector, dict[str, str]]
) -> None:
    """A failure is a span with an error, and neither the password nor what the server quotes is anywhere in it."""
    receiver, settings = collector
    folder = tmp_path / "migrations" / "20990101000000_broken"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT 'sk-hidden'::int")
    done = migrate("up", url=server.url(late), **settings, LITELLM_MIGRATION_DIR=str(tmp_path))
    assert done.returncode == FAILED
    sent = b"".join(request.SerializeToString() for request in receiver.requests)
    assert b"20990101000000_broken" in sent
    assert b"MigrationFailedError" in sent
    assert b"sk-hidden" not in sent
    assert server.password.encode() not in sent


def test_a_collector_that_is_down_holds_nobody_up(server: PostgresServer, late: str) -> None:
    """Spans that nobody takes cost a few seconds at most, and not the exit code."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    done = migrate("up", url=server.url(late), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert done.returncode == DONE
