"""The command ``routeiq-gateway``: the composition root.

``routeiq-gateway`` serves; ``routeiq-gateway config`` prints the effective configuration, secrets masked;
``routeiq-gateway validate`` tries a configuration with the real LiteLLM, and serves nothing. Exit codes: 0 stopped as
told, printed or accepted, 1 nothing to print or refused, 2 settings that cannot work, 3 nothing could be found out, 4
cannot listen on HOST and PORT.
"""

import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial

import yaml

from routeiq_gateway.configuration.loading import CONFIG, BadRevisionError, load_config
from routeiq_gateway.configuration.overrides import BadOverrideError, Override, apply_overrides
from routeiq_gateway.configuration.redact import mask, scrub, secrets_of
from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge.command_line.env_file import BadEnvFileError, read_env_file
from routeiq_gateway.litellm_edge.command_line.metrics_server import MetricsServer
from routeiq_gateway.litellm_edge.command_line.options import refused_arguments, refused_variables
from routeiq_gateway.litellm_edge.command_line.start_variables import why_fixed
from routeiq_gateway.litellm_edge.database.query_engines import NoClientError, check_client
from routeiq_gateway.litellm_edge.environment import (
    BadVariablesError,
    keep_database_from,
    names_database,
)
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.litellm_edge.warming import warm
from routeiq_gateway.parent.adoption import orphans_serve
from routeiq_gateway.parent.answer import AnswerWriter, SecretsShown
from routeiq_gateway.parent.listening import CannotListenError, bind, check_metrics_port
from routeiq_gateway.parent.loop import Parent
from routeiq_gateway.parent.processes import Forker, Processes
from routeiq_gateway.parent.revisions import Revisions
from routeiq_gateway.runtime.importing import telling
from routeiq_gateway.runtime.lifeline import end_with_supervisord
from routeiq_gateway.runtime.limits import raise_open_files
from routeiq_gateway.runtime.logs import Log, build_log
from routeiq_gateway.runtime.masked_output import mask_output
from routeiq_gateway.runtime.notify import Notifier
from routeiq_gateway.runtime.parser import Parser
from routeiq_gateway.runtime.signals import Signals
from routeiq_gateway.secret_files.watching import SecretFiles
from routeiq_gateway.settings import PARENT_HANG, BadSettingsError, Settings, read_settings, setting_names
from routeiq_gateway.validation.command import arguments_of_validate, validate
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Volume
from routeiq_gateway.worker.connections.certificate import BadCertificateError, Certificate

EXIT_NOTHING, EXIT_SETTINGS, EXIT_PORT = 1, 2, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="routeiq-gateway",
        description="LiteLLM's proxy, taking new configurations without losing a request.",
    )
    commands = parser.add_subparsers(dest="command", metavar="{serve,config,validate}")
    commands.add_parser("serve", help="serve on PORT what `current` on the volume points to (the default)")
    commands.add_parser("config", help="print the effective configuration, secrets masked")
    arguments_of_validate(commands)
    known, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error("; ".join(refused_arguments(unknown)) or f"unrecognized arguments: {' '.join(unknown)}")
    command = known.command or "serve"
    try:
        read_env_file()
        settings, overrides = read_settings(os.environ, refused_variables(os.environ))
    except (BadEnvFileError, BadSettingsError) as error:
        sys.stderr.write(f"routeiq-gateway: settings that cannot work:\n{error}\n")
        return EXIT_SETTINGS
    if command == "config":
        return print_config(settings, overrides)
    if command == "validate":
        return validate(known, settings, overrides, os.environ)
    return serve(settings, overrides)


def print_config(settings: Settings, overrides: tuple[Override, ...]) -> int:
    """Print the configuration that ``current`` points to, overrides applied, secrets masked."""
    try:
        text = (settings.volume / "current" / CONFIG).read_bytes()
        config = apply_overrides(load_config(text), overrides)
    except FileNotFoundError:
        sys.stderr.write(f"routeiq-gateway: no revision at {settings.volume / 'current'}; is syncd running?\n")
        return EXIT_NOTHING
    except (BadRevisionError, BadOverrideError) as error:
        sys.stderr.write(f"routeiq-gateway: {error}\n")
        return EXIT_NOTHING
    sys.stdout.write(yaml.safe_dump(mask(config), sort_keys=False))
    return 0


def serve(settings: Settings, overrides: tuple[Override, ...]) -> int:
    """Build the parent and run it."""
    mask_output(lambda text: scrub(text, secrets_of({}, os.environ)))  # before LiteLLM's log binds the streams
    log = build_log("gateway", level=settings.log_level, form=settings.log_form)
    raise_open_files()
    Notifier(settings.notify_socket).works(within=PARENT_HANG)
    signal.signal(signal.SIGTERM, _stop_early)  # until the parent's own handlers stand
    signal.signal(signal.SIGINT, _stop_early)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a gateway that starts reads the newest revision anyway
    if settings.supervisor:
        end_with_supervisord()
    if not settings.litellm_database and keep_database_from(os.environ):
        log.info("LiteLLM runs without a database", setting="ROUTEIQ_LITELLM_DATABASE")
    try:
        certificate = load_certificate(settings)
        if names_database(os.environ):
            check_client()
        # Before LiteLLM's import, which takes seconds: a gateway that cannot listen ends while supervisord still counts
        # that as a failed start. The socket listens once workers are ready; until then clients are refused, not queued.
        listener = bind(settings, log)
        check_metrics_port(settings)
        run(settings, overrides, listener, certificate, log)
    except (BadCertificateError, BadVariablesError) as error:
        log.error("settings that cannot work", reason=str(error))
        return EXIT_SETTINGS
    except CannotListenError as error:
        log.error("cannot listen", host=settings.host, port=error.port, error=str(error), hint=error.hint)
        return EXIT_PORT
    except NoClientError as error:
        log.error("LiteLLM cannot work on its database", error=str(error))
        return EXIT_SETTINGS
    log.info("stopped")
    return 0


def load_certificate(settings: Settings) -> Certificate | None:
    """Return the certificate that clients see, None where they speak plain HTTP.

    Raises:
        BadCertificateError: it cannot be used.
    """
    if settings.certificate is None or settings.certificate_key is None:
        return None
    return Certificate(settings.certificate, settings.certificate_key)


def run(
    settings: Settings,
    overrides: tuple[Override, ...],
    listener: socket.socket,
    certificate: Certificate | None,
    log: Log,
) -> None:
    """Import LiteLLM, put the parent together and run it until it is told to stop."""
    volume, page = Volume(settings.volume), SharedPage()
    serving, refused = volume.read_verdicts(log)
    shown = SecretsShown() if settings.secret_directories else None
    answer = AnswerWriter(page, volume, log, serving, refused, shown)
    if serving is not None and not orphans_serve(settings.volume, settings.port):
        answer.publish("starting", "LiteLLM is being imported", ())  # else an earlier gateway seems to serve
    started = time.monotonic()
    notifier = Notifier(settings.notify_socket)
    with telling(partial(notifier.works, within=PARENT_HANG)):
        at_import = warm(settings, log)
    log.info("LiteLLM imported", seconds=round(time.monotonic() - started, 3))
    fixed = partial(why_fixed, settings=setting_names(), at_import=at_import)
    secrets = SecretFiles(settings.secret_directories, fixed)
    mask_output(lambda text: scrub(text, secrets_of({}, os.environ) | secrets.hidden))
    signals, selector = Signals(), selectors.DefaultSelector()
    signals.install()  # from now on a stop leaves nothing behind of what is made below
    staging = Staging.create(overrides)
    places = Places.find(os.environ, settings.volume)
    places.begin()
    forker = Forker(settings, dict(os.environ), listener, Passed(), page, log, certificate, places, secrets)

    def leave() -> None:
        """Close, in a new worker, what belongs to the parent alone."""
        signals.close()
        selector.close()

    metrics = None
    if settings.metrics_port is not None:
        places.make()
        metrics = MetricsServer(settings.host, settings.metrics_port, str(places.directory))
    parent = Parent(
        settings,
        listener,
        Processes(forker, selector, leave),
        Revisions(volume, staging, serving, log, secrets),
        answer,
        signals,
        log,
        places,
        notifier,
        metrics,
    )
    gc.collect()
    gc.freeze()  # no collection in a worker touches LiteLLM's objects, so their memory stays shared
    try:
        parent.run()
    finally:
        if metrics is not None:
            metrics.end()
        staging.close()
        places.end()


def _stop_early(_number: int, _frame: object) -> None:
    # Nothing has been begun that would have to be ended. An exception would be raised in the midst of LiteLLM's import,
    # parts of which catch whatever is raised, and a stop that is caught is a stop that is lost.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
