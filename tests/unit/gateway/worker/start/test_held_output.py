"""What is printed while LiteLLM starts is held back, and nothing else of descriptor 1 changes."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os
import sys
from routeiq_gateway.worker.start.held_output import HeldOutput
held = HeldOutput()
held.hold()
print("during")
sys.stdout.flush()
if sys.argv[1:]:
    os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 1)
text = held.release()
print("after")
print("held", repr(text), file=sys.stderr)
"""


def run(*arguments: str) -> tuple[str, str]:
    """Run the program in a process of its own; return its output and what it held back."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout, done.stderr


def test_output_is_held_and_given_back() -> None:
    """What is printed before the release is returned; what is printed after it reaches the real output."""
    assert run() == ("after\n", "held 'during\\n'\n")


def test_output_that_a_callback_leads_elsewhere_stays_there(tmp_path: Path) -> None:
    """A callback that gives descriptor 1 to a file keeps it, and the start ends all the same."""
    assert run(str(tmp_path / "own")) == ("", "held 'during\\n'\n")
    assert (tmp_path / "own").read_text() == "after\n"
