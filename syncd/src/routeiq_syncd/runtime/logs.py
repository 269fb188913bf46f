"""Logging: one event a line, JSON for machines, aligned text for people."""

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

# structlog imports rich wherever that is installed: 6 MB for a style of tracebacks that nobody asked for.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # Python's own way to say "not to be found"
import structlog  # noqa: E402 - see above

if cast("Any", sys.modules["rich"]) is None:
    del sys.modules["rich"]

Event = MutableMapping[str, Any]
Log = structlog.typing.FilteringBoundLogger


class Unfailing:
    """A stream for log lines. One that cannot be written (nobody reads, no room) is dropped: the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write ``text`` if that works."""
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush if that works."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def add_trace(_logger: object, _method: str, event: Event) -> Event:
    """Add the current trace and span ids where OpenTelemetry is in use; never import it."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = format(context.trace_id, "032x")
            event["span_id"] = format(context.span_id, "016x")
    return event


def build_log(process: str, *, level: str, form: Literal["json", "console"] | None) -> Log:
    """Build the log of ``process``; ``form`` None means console on a terminal and JSON otherwise."""
    console = sys.stderr.isatty() if form is None else form == "console"
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(default=str)
    )
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(cast("TextIO", Unfailing(sys.stderr))),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_trace,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        process=process,
    )
    return log
