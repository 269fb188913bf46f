"""A process whose user may start no further process or thread, and then may again."""

import subprocess

USER = "54321"
COUNTED = ["setpriv", "--reuid", USER, "--bounding-set", "-sys_resource,-sys_admin"]
COUNTED += ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
"""Root's processes are not counted by RLIMIT_NPROC; those of another user are. It may read what belongs to root."""


def limit_processes(pid: int, most: str) -> None:
    """Set how many processes and threads the user of ``pid`` may have before ``pid`` can start no more."""
    subprocess.run(["setpriv", "--reuid", USER, "prlimit", "--pid", str(pid), f"--nproc={most}:"], check=True)
