"""The trial of a file: laid out like a revision, and LiteLLM started on it in a worker that serves nobody."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

from routeiq_gateway.configuration.loading import CONFIG, BadRevisionError
from routeiq_gateway.configuration.overrides import BadOverrideError, Override
from routeiq_gateway.ipc.channel import Channel, Message
from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.ipc.pulse import Pulse
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.parent.processes import Forker
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.secret_files.watching import SecretFiles
from routeiq_gateway.settings import Settings
from routeiq_gateway.validation.report import Finding, finding_of
from routeiq_gateway.volume.documents import FORMAT, MANIFEST, FileEntry, digest_of
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Revision

REFERENCE = re.compile(rb"os\.environ/(\w+)")
MOST_FILES = 1000
"""The most YAML files beside a configuration in which names of variables are looked for."""
MASTER_KEY = "LITELLM_MASTER_KEY"


class NothingFoundOutError(Exception):
    """Whether LiteLLM takes the configuration is not known; the message says why."""


def set_placeholders(path: Path, environment: MutableMapping[str, str]) -> None:
    """Give each variable that is named at ``path`` or in a YAML file beside it, and is not set, a random value.

    LiteLLM's master key is given one too: LiteLLM does not start without it.
    """
    names = {MASTER_KEY}
    beside = [file for pattern in ("*.yaml", "*.yml") for file in path.parent.rglob(pattern)]
    for file in [path, *beside[:MOST_FILES]]:
        with contextlib.suppress(OSError):
            names |= {name.decode(errors="replace") for name in REFERENCE.findall(file.read_bytes())}
    for name in names:
        if not environment.get(name):
            environment[name] = f"sk-{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Trial:
    """What the worker of a trial is forked with; ``environment`` is the process's own."""

    settings: Settings
    overrides: tuple[Override, ...]
    environment: Mapping[str, str]
    log: Log
    secrets: SecretFiles

    def findings(self, path: Path) -> tuple[Finding, ...]:
        """Return what LiteLLM and our own checks find in the configuration at ``path``.

        Raises:
            NothingFoundOutError: the worker ended or hung, or something outside is away.
            OSError: the file cannot be read, or the temporary directory has no room.
        """
        with tempfile.TemporaryDirectory(prefix="routeiq-validate-") as folder:
            revision = replace(_lay_out(path, Path(folder)), secrets=self.secrets.newest or 0)
            staging = Staging.create(self.overrides)
            try:
                verdict = self._ask(revision, staging.stage(revision))
            except (BadRevisionError, BadOverrideError) as error:
                return (finding_of("error", str(error), str(path)),)
            finally:
                staging.close()
        return tuple(_findings(verdict, str(path)))

    def _ask(self, revision: Revision, config: Path) -> Message:
        """Fork the worker, and return its verdict: the message ``ready`` or ``refused``.

        Raises:
            NothingFoundOutError: it ends or hangs without a verdict.
        """
        ours, theirs = Channel.pair()
        with socket.socket() as listener, contextlib.closing(Pulse()) as pulse:
            places = Places.find(self.environment, self.settings.volume)
            own = (listener, Passed(), SharedPage(), self.log, None, places)
            forker = Forker(self.settings, dict(self.environment), *own, self.secrets, tells=True)
            worker = forker.fork(theirs, pulse, revision, config, trial=True, at_fork=ours.close)
            theirs.close()
            try:
                return _verdict(ours, self.settings.reload_timeout)
            finally:
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)
                ours.close()


def _lay_out(path: Path, into: Path) -> Revision:
    """Lay out the configuration at ``path`` and what is beside it like a revision, with links; return the revision.

    Raises:
        OSError: it cannot be read.
    """
    text = path.read_bytes()
    for entry in path.absolute().parent.iterdir():
        if entry.name not in {CONFIG, MANIFEST, path.name}:
            (into / entry.name).symlink_to(entry)
    (into / CONFIG).write_bytes(text)
    files = (FileEntry(CONFIG, len(text), hashlib.sha256(text).hexdigest()),)
    digest = digest_of(files)
    manifest = {
        "format": FORMAT,
        "number": 0,
        "digest": digest,
        "files": [vars(file) for file in files],
        "source": {"location": str(path)},
    }
    (into / MANIFEST).write_text(json.dumps(manifest))
    return Revision(0, digest, into.resolve(), files, path.name)


def _verdict(channel: Channel, seconds: float) -> Message:
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not channel.closed:
            selector.select(left)
            for message in channel.receive():
                if message["kind"] in {"ready", "refused"}:
                    return message
    why = "ended" if channel.closed else f"did not start within ROUTEIQ_RELOAD_TIMEOUT_SECONDS ({seconds:g})"
    raise NothingFoundOutError(f"the worker that tried the configuration {why}; its log is above")


def _findings(verdict: Message, path: str) -> Iterator[Finding]:
    if verdict.get("passing"):
        raise NothingFoundOutError(str(verdict["reason"]))
    for sentence in verdict.get("problems", (verdict["reason"],) if "reason" in verdict else ()):
        yield finding_of("error", sentence, path)
    for sentence in verdict.get("warnings", ()):
        yield finding_of("warning", sentence, path)
