"""Steps of tests that follow a message: a run that has to end with it, and one that has to go through."""

import json
import subprocess

from tests.support.migrate import DONE, migrate


def told(done: subprocess.CompletedProcess[str], code: int, words: str) -> str:
    """See that a run ended with ``code`` and ``words``; return its last message."""
    assert done.returncode == code, done.stderr
    message = str(json.loads(done.stderr.splitlines()[-1])["event"]) if "{" in done.stderr else done.stderr
    assert words in message
    return message


def up(url: str, **settings: str) -> None:
    """See that ``up`` goes through."""
    done = migrate("up", url=url, **settings)
    assert done.returncode == DONE, done.stderr
