"""Traces over OTLP, by the standard ``OTEL_*`` variables; nothing at all without an endpoint.

The SDK is imported only when it is wanted: a run that exports nothing does not pay for it.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

FLUSH_MILLISECONDS = 3000
"""How long a finished run waits for its spans to leave; a collector that is down costs no more than this."""


class Telemetry:
    """Spans, if there is anywhere to send them."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("routeiq_migrate") if provider else None

    @contextlib.contextmanager
    def span(self, what: str, **attributes: str | int) -> Iterator[None]:
        """Open a span around the body."""
        if self.tracer is None:
            yield
            return
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - only where it is wanted

        # An exception's own text is not recorded: PostgreSQL quotes rows in it.
        with self.tracer.start_as_current_span(
            f"routeiq_migrate.{what}", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def close(self) -> None:
        """Send what is left, within a short limit."""
        if self.provider is not None:
            self.provider.force_flush(FLUSH_MILLISECONDS)


def build_telemetry(*, service: str, protocol: str, sample_rate: float) -> Telemetry:
    """Build spans that go to the endpoint the environment names, over ``protocol`` (grpc or http/protobuf)."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - only where it is wanted
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415 - as above

    exporter: SpanExporter
    seconds = FLUSH_MILLISECONDS // 1000
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc  # noqa: PLC0415 - as above

        exporter = grpc.OTLPSpanExporter(timeout=seconds)
    else:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter as http  # noqa: PLC0415 - as above

        exporter = http.OTLPSpanExporter(timeout=seconds)
    resource = Resource.create({SERVICE_NAME: service})
    provider = TracerProvider(sampler=ParentBasedTraceIdRatio(sample_rate), resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Telemetry(provider)
