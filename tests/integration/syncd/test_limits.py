"""Limits of the system are met: the change waits, with its reason, and is made once there is room."""

import resource
from pathlib import Path

from tests.support.few_processes import COUNTED, limit_processes
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

TOO_MANY = "Too many open files"
FAILED = '"turn failed"'
BELOW, ABOVE = 8, 8
"""Descriptors around the highest that syncd always has: from none for a turn to more than a turn takes."""
AGAIN = "no thread can be started"


def test_without_a_thread_a_change_waits(syncd: Syncd) -> None:
    """With no thread to be had, syncd goes on and says why; with threads, the change arrives unasked."""
    syncd.write(config("one"))
    with syncd.run(through=COUNTED) as process:
        syncd.wait_for_status("a first revision", desired__number=1)
        limit_processes(process.pid, "1")
        syncd.write(config("two"))
        wait_for("the reason", lambda: AGAIN in str(syncd.status()["last_error"]))
        assert syncd.request("GET", "/livez")[0] == 200
        assert syncd.command("POST", "/poll")[0] == 200
        assert syncd.current()[0] == 1
        limit_processes(process.pid, "1000")
        syncd.wait_for_status("the second revision", desired__number=2)
    assert "Traceback" not in syncd.log.read_text()
    assert syncd.leftovers() == []


def test_without_descriptors_a_change_waits(syncd: Syncd) -> None:
    """Wherever descriptors run out in a turn, what is held stays and is known, and the change arrives afterwards."""
    syncd.write("model_list: []\n", "part.yaml")
    syncd.write(config("zero"))
    with syncd.run() as process:
        syncd.wait_for_status("a first revision", desired__number=1)
        highest = max(int(path.name) for path in Path(f"/proc/{process.pid}/fd").iterdir())
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        waited = 0
        for limit in range(highest - BELOW, highest + ABOVE):
            number, _ = syncd.current()
            failed = process.text().count(FAILED)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, unlimited[1]))
            syncd.write(config(f"model-{limit}") + "include: [part.yaml]\n")

            def met(number: int = number, failed: int = failed) -> bool:
                return process.text().count(FAILED) > failed or syncd.current()[0] > number

            wait_for(f"the change to be met below descriptor {limit}", met)
            waited += syncd.current()[0] == number
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, unlimited)

            def arrived(name: bytes = b"model-%d" % limit) -> bool:
                return name in syncd.current()[1]["config.yaml"]

            wait_for("the change", arrived)
        assert waited > 1
        assert TOO_MANY in process.text()
        syncd.wait_for_status("the end of it", last_error=None)
        assert syncd.current()[0] == 1 + BELOW + ABOVE, "a revision was thought to be gone, or to be new"
    assert syncd.leftovers() == []
