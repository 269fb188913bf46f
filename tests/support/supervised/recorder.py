"""Records what happens to whole replicas: beside their volumes, what gateways serve, what ended and what is shown."""

import json
import re
from dataclasses import dataclass, field

from tests.support.gateway import MASTER_KEY
from tests.support.history import Ended, Ledger, Serving, Shown
from tests.support.history_recorder import HistoryRecorder
from tests.support.s3 import SECRET
from tests.support.supervised.replicas import PROVIDER_KEY, Replicas

EXITED = re.compile(r"exited: (\w+) \((?:exit status (\d+)|terminated by (\w+)); (?:not )?expected\)")
LEDGERS = """
SELECT name, true FROM routeiq.migration;
SELECT migration_name, finished_at IS NOT NULL FROM _prisma_migrations WHERE rolled_back_at IS NULL
"""


@dataclass
class SupervisedRecorder(HistoryRecorder):
    """Records a fleet of supervised replicas."""

    _serving: dict[str, tuple[str, int, str]] = field(default_factory=dict)

    @property
    def whole(self) -> Replicas:
        """The replicas, as what they are."""
        assert isinstance(self.replicas, Replicas)
        return self.replicas

    def look(self, index: int) -> None:
        """Note what the volume and the gateway's answer tell, where it differs from the last look."""
        super().look(index)
        name, path = self.name(index), self.replicas.syncds[index].volume / "answers/gateway.json"
        try:
            answer = json.loads(path.read_bytes())
        except OSError:
            return
        if answer["state"] != "serving" or not answer.get("serving"):
            return
        served = (answer["instance"], answer["serving"]["number"], answer["serving"]["digest"])
        if self._serving.get(name) != served:
            self._serving[name] = served
            self.events.append(Serving(name, *served))

    def read_ledgers(self) -> None:
        """Note what the ledgers of migrations say."""
        rows = [row.split("|") for row in self.replicas.sql(LEDGERS)]
        self.note(Ledger(tuple((name, applied == "t") for name, applied in rows)))

    def read_ends(self) -> None:
        """Note each program that ended by itself, as supervisord tells: all that it tells but our own kills."""
        for index, syncd in enumerate(self.replicas.syncds):
            kills = dict.fromkeys(("syncd", "gateway", "migrate"), 0)
            for program, code, by in EXITED.findall((syncd.directory / "stack.log").read_text(errors="replace")):
                if by == "SIGKILL":
                    kills[program] += 1
                elif (program, code) != ("migrate", "0"):
                    self.note(Ended(str(index), code or by, program))
            for program, count in kills.items():
                if count > self.whole.killed.get((index, program), 0):
                    self.note(Ended(str(index), "SIGKILL of others", program))

    def read_shown(self, password: str) -> None:
        """Note each secret that stands in a log, an answer or a status."""
        secrets = {
            "master key": MASTER_KEY,
            "provider's key": PROVIDER_KEY,
            "password of the database": password,
            "secret of S3": SECRET,
        }
        for index, syncd in enumerate(self.replicas.syncds):
            files = [syncd.directory / "stack.log", syncd.volume / "status.json", *syncd.volume.glob("answers/*")]
            texts = {path.name: path.read_text(errors="replace") for path in files if path.exists()}
            if index in self.whole.processes and not self.whole.is_down(index):
                texts["status"] = json.dumps(self.whole.gateways[index].status())
                texts["explain"] = syncd.call("explain").stdout
            for where, text in texts.items():
                for secret, value in secrets.items():
                    if value in text:
                        self.note(Shown(secret, f"{where} of replica {index}"))
