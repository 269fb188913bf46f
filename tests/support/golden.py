"""The golden files of the formats in which the processes meet, and the files of the revision that they describe."""

from tests.support.processes import REPOSITORY

GOLDEN = REPOSITORY / "tests/contract/golden"
FILES = {"config.yaml": b"model_list: []\n", "parts/models.yaml": b"model_list: []\n"}
