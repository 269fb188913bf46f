"""What messages call the files and settings of a configuration: the operator's own names, with lines.

A worker loads a private copy of a configuration from the temporary directory, and the revision calls it `config.yaml`.
Messages of Python and LiteLLM name these, which say nothing to the operator.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from routeiq_gateway.configuration.loading import CONFIG
from routeiq_gateway.configuration.telling.reasons import chain

LAST_STEP = re.compile(r"(\.[^.\[\]]*|\[\d+\])$")


@dataclass(frozen=True)
class Naming:
    """The names.

    Attributes:
        file: the name of the configuration's file, as the operator wrote it.
        directories: where its files are staged and materialised, which no message names.
        places: where each part stands, such as ``config.yaml:12``, by its name, such as ``model_list[0]``.
    """

    file: str = CONFIG
    directories: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    def tell(self, message: str) -> str:
        """Return ``message``, which begins with the name of a part, with the place of that part before it.

        Where the part itself stands in no file, such as one that is missing, the part that would hold it counts.
        """
        where, colon, _ = message.partition(": ")
        while colon and where and where not in self.places:
            where = LAST_STEP.sub("", where) if LAST_STEP.search(where) else ""
        return f"{self.places[where]}: {message}" if colon and where else message

    def clean(self, text: str) -> str:
        """Return ``text`` with each staged or materialised file under the name that it has beside the configuration."""
        for directory in self.directories:
            text = text.replace(f"{directory}/{CONFIG}", self.file).replace(f"{directory}/", "")
        return text

    def own_places(self, error: BaseException) -> list[tuple[str, int]]:
        """Return file and line of each step of the operator's own modules on the way to ``error``, outermost first."""
        return [
            (self.clean(file), line)
            for below in reversed(list(chain(error)))
            for file, line in _steps(below)
            if any(file.startswith(f"{directory}/") for directory in self.directories)
        ]


def _steps(error: BaseException) -> Iterator[tuple[str, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename, error.lineno or 1
