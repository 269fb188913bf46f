"""A parser of a command line that quotes no value in a complaint, since somebody may have pasted a secret there."""

import argparse
import re
from typing import NoReturn

MASK = "***"
VALUE = re.compile(r" ?(?:'.*'|\".*\")(?= \(choose from|$)", re.DOTALL)
UNKNOWN = "unrecognized arguments: "
OPTION = re.compile(r"--?[a-z][a-z_-]{0,40}(?==|$)")


class Parser(argparse.ArgumentParser):
    """An :class:`argparse.ArgumentParser` whose complaints name options, and no values."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` without the values that it quotes, and end the process with 2."""
        before, unknown, arguments = message.partition(UNKNOWN)
        if unknown:
            shown = [found[0] if (found := OPTION.match(argument)) else MASK for argument in arguments.split(" ")]
            message = f"{before}{unknown}{' '.join(shown)}"
        super().error(VALUE.sub(f" {MASK}", message))
