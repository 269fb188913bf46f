"""The file source: a configuration on disk, with the files that it draws in.

A pass over the files that did not see all of them as of one moment starts over.
"""

from pathlib import Path

from routeiq_syncd.configuration.bundle import CONFIG, Bounds, as_written, make_bundle
from routeiq_syncd.configuration.includes import documents_in_order
from routeiq_syncd.configuration.modules import named_modules
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, YamlDocument, parse
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import SourceVersion
from routeiq_syncd.sources.drawing import draw_in_files, draw_in_modules
from routeiq_syncd.sources.reading import Reading, UnreadableError

ATTEMPTS = 5


class FileSource:
    """Reads the configuration at ``config``, a path that stays the same while its content changes.

    Args:
        config: the path.
        bounds: limits on what is read.
        further: patterns of the files beside the configuration that are part of it though nothing in it names them.
    """

    kind = "file"

    def __init__(self, config: Path, bounds: Bounds, further: tuple[str, ...] = ()) -> None:
        self._config = config
        self._bounds = bounds
        self._further = further
        self._fingerprint: dict[tuple[str, bool], str] = {}
        self._token: str | None = None
        self._watched = frozenset({config.parent})

    @property
    def location(self) -> str:
        """The path."""
        return str(self._config)

    @property
    def watched(self) -> frozenset[Path]:
        """The directories whose entries decide what the next fetch finds."""
        return self._watched

    def fetch(self, known: str | None) -> Fetch:
        """Read the configuration and all that it draws in, as of one moment."""
        for _ in range(ATTEMPTS):
            reading = Reading(self._config, self._bounds)
            try:
                if known is not None and known == self._token and reading.same_as(self._fingerprint):
                    fetch: Fetch = Unchanged()
                else:
                    reading = Reading(self._config, self._bounds)  # the earlier paths may differ from the present ones
                    fetch = self._fetch(reading)
                if reading.steady():
                    return fetch
            except UnreadableError as error:
                return Failed(str(error))
        return Failed(f"{self._config} keeps changing while it is read; it is read again at the next turn.")

    def _fetch(self, reading: Reading) -> Fetch:
        config = reading.read(CONFIG)
        if config is None:
            return Failed(f"{self._config} does not exist; put the configuration there, or set LITELLM_CONFIG_PATH.")
        parsed = self._draw_in(reading, config) if isinstance(config, bytes) else {}
        self._watched = reading.watched()
        if problems := reading.problems():
            return Unacceptable(as_written(problems, self._config.name), None)
        files = {path: found for path, found in reading.found.items() if isinstance(found, bytes)}
        bundle = make_bundle(files, parsed)
        self._fingerprint, self._token = reading.fingerprint(), bundle.digest
        return Fetched(bundle, SourceVersion(self.kind, self.location), bundle.digest)

    def _draw_in(self, reading: Reading, config: bytes) -> dict[str, Parsed]:
        """Read the files that the configuration draws in; return what was parsed for that, by path."""
        root = parse(CONFIG, config)
        parsed = {CONFIG: root}
        if not isinstance(root, YamlDocument):
            return parsed  # the rules refuse it, with the problems in it

        def load(path: str) -> Parsed | None:
            if path == CONFIG:
                if self._config.name != CONFIG:
                    message = f"'include' names {CONFIG}, which in a revision is the configuration itself"
                    reading.refuse(path, f"{message}; rename that file")
                return None
            match reading.read(path, yaml=True):
                case None:
                    return None
                case Problem() as problem:
                    return (problem,)
                case data:
                    parsed[path] = parse(path, data)
                    return parsed[path]

        documents, _ = documents_in_order(root, load, "{}")
        further = draw_in_files(reading, self._further)
        draw_in_modules(reading, frozenset().union(*map(named_modules, documents)), further)
        return parsed
