"""A prefix of S3 as one revision: what is taken together, what is refused, and what is fetched again."""

import json
import pickle
from pathlib import Path

import pytest

from tests.support.s3 import Server
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

MIB = 1024 * 1024
FILES = 200


@pytest.fixture
def prefix(syncd: Syncd, s3: Server) -> str:
    """A bucket with a configuration below ``gateway/``; its name."""
    bucket = s3.bucket(f"prefix-{syncd.port}")
    syncd.settings |= {
        **s3.settings,
        "CONFIG_SOURCE": "s3",
        "S3_BUCKET_NAME": bucket,
        "S3_CONFIG_PREFIX": "gateway/",
        "CONFIG_SETTLE_SECONDS": "0.3",
    }
    s3.put(bucket, config(), "gateway/config.yaml")
    return bucket


def test_all_files_of_a_prefix_are_one_revision(syncd: Syncd, s3: Server, prefix: str) -> None:
    """Includes, prompts and large files come; hidden names, folder marks and other prefixes do not; then nothing."""
    s3.put(prefix, "include: [parts/more.yaml]\n" + config(), "gateway/config.yaml")
    s3.put(prefix, config("more"), "gateway/parts/more.yaml")
    large = b"0123456789abcdef" * (2 * MIB // 16)
    s3.put(prefix, large, "gateway/models/weights.bin")
    for key in ("gateway/folder/", "gateway/.git/config", "gateway/__pycache__/a.pyc", "gateway2/config.yaml"):
        s3.put(prefix, "x", key)
    assert syncd.once()["outcome"] == "changed"
    number, files = syncd.current()
    assert (number, set(files)) == (1, {"config.yaml", "parts/more.yaml", "models/weights.bin"})
    assert files["models/weights.bin"] == large
    assert syncd.once()["outcome"] == "unchanged"


def test_no_mixture_is_served_while_a_prefix_is_changed_file_by_file(syncd: Syncd, s3: Server, prefix: str) -> None:
    """200 files are rewritten one after the other under more than 20 polls; each revision is of one generation."""
    syncd.settings |= {"CONFIG_SYNC_INTERVAL": "0.1", "CONFIG_SETTLE_SECONDS": "2"}

    def upload(generation: str) -> None:
        s3.put(prefix, config(generation), "gateway/config.yaml")
        for at in range(FILES - 1):
            s3.put(prefix, generation, f"gateway/prompts/{at:03d}.txt")

    upload("first")
    with syncd.run():
        syncd.wait_for_status("the first generation", desired__number=1)
        polls = set[str]()
        for at in reversed(range(FILES - 1)):
            s3.put(prefix, "second", f"gateway/prompts/{at:03d}.txt")
            polls.add(str(syncd.status().get("fetch")))
            assert generations(syncd) == {"first"}
        s3.put(prefix, config("second"), "gateway/config.yaml")
        wait_for("the second generation", lambda: syncd.current()[0] == 2, seconds=60)
        assert generations(syncd) == {"second"}
        assert len(syncd.current()[1]) == FILES


def generations(syncd: Syncd) -> set[str]:
    """Which generations of the files `current` mixes."""
    files = syncd.current()[1]
    return {"first" if b"first" in content else "second" for content in files.values()}


def test_an_index_is_taken_when_it_is_complete_and_not_before(syncd: Syncd, s3: Server, prefix: str) -> None:
    """The files it names are missing: refused by name once still. They come: taken, and what it leaves out is not."""
    tree = syncd.directory / "tree"
    (tree / "prompts").mkdir(parents=True)
    (tree / "config.yaml").write_text(config("packed"))
    (tree / "prompts/a.txt").write_text("hello")
    packed = syncd.call("pack", str(tree))
    assert packed.returncode == 0, packed.stderr
    assert "2 files" in packed.stdout
    s3.put(prefix, (tree / "revision.json").read_bytes(), "gateway/revision.json")
    refused = syncd.once()
    assert refused["outcome"] == "refused"
    assert any("prompts/a.txt" in problem and "does not hold it" in problem for problem in refused["problems"])
    s3.put(prefix, "left over", "gateway/prompts/old.txt")
    s3.put(prefix, "hello", "gateway/prompts/a.txt")
    s3.put(prefix, config("packed"), "gateway/config.yaml")
    # A prefix that is never still is taken all the same, at once.
    assert syncd.once(CONFIG_SETTLE_SECONDS="30")["outcome"] == "changed"
    assert set(syncd.current()[1]) == {"config.yaml", "prompts/a.txt"}
    s3.put(prefix, "jello", "gateway/prompts/a.txt")
    lied = syncd.once()
    assert lied["outcome"] == "refused"
    assert any("prompts/a.txt" in problem and "not what revision.json says" in problem for problem in lied["problems"])
    assert syncd.current()[0] == 1


@pytest.mark.parametrize(
    "case",
    [
        ("prompt.txt", pickle.dumps({"a": 1}, 4), "a pickle"),
        ("notes.json", b"cos\nsystem\n(S'true'\ntR.", "a pickle"),
        ("weights.bin", pickle.dumps({"a": 1}, 4) + b"\0" * 2 * MIB, "a pickle"),
        ("hook.py", b"x = 1\n", "ROUTEIQ_ALLOW_CODE=true"),
        ("native.txt", b"\x7fELF\x02\x01", "ROUTEIQ_ALLOW_CODE=true"),
        ("a\\b.txt", b"x", "rename the object"),
        ("Config.yaml", b"x", "only in case"),
        ("config.yaml/x", b"x", "revision's own file"),
        ("manifest.json", b"{}", "manifest.json"),
        ("x" * 300, b"x", "too long"),
    ],
)
def test_what_no_revision_may_hold_is_refused_by_name(
    syncd: Syncd, s3: Server, prefix: str, case: tuple[str, bytes, str]
) -> None:
    """Nothing of it comes to the volume, and the revision before goes on."""
    key, body, reason = case
    assert syncd.once()["outcome"] == "changed"
    s3.put(prefix, body, f"gateway/{key}")
    turn = syncd.once()
    assert turn["outcome"] == "refused"
    assert any(reason in problem for problem in turn["problems"]), turn["problems"]
    assert syncd.current()[0] == 1
    assert [path.name for path in (syncd.volume / "revisions").iterdir()] == [(syncd.volume / "current").resolve().name]
    assert not list((syncd.volume / "objects").glob("*"))
    assert not syncd.leftovers()


def test_more_files_than_are_taken_are_refused_before_one_is_fetched(syncd: Syncd, s3: Server, prefix: str) -> None:
    """By their number and their sizes, each with the setting that raises it."""
    for at in range(30):
        s3.put(prefix, "x" * 100, f"gateway/prompts/{at}.txt")
    for setting, value in (("FILES", "20"), ("BUNDLE_BYTES", "2000"), ("FILE_BYTES", "99")):
        turn = syncd.once(**{f"ROUTEIQ_MAX_{setting}": value})
        assert turn["outcome"] == "refused"
        assert f"raise ROUTEIQ_MAX_{setting}" in turn["problems"][0]
    assert syncd.once()["outcome"] == "changed"


def test_what_is_allowed_is_taken(syncd: Syncd, s3: Server, prefix: str) -> None:
    """Code by one setting, pickles by another; and a model of another bucket comes below ``models/``."""
    s3.put(prefix, "import os\n", "gateway/hook.py")
    models = s3.bucket(f"models-{syncd.port}")
    s3.put(models, pickle.dumps([1]), "routers/v1/router.joblib")
    model = {"LLMROUTER_MODEL_S3_BUCKET": models, "LLMROUTER_MODEL_S3_KEY": "routers/v1/router.joblib"}
    only_code = syncd.once(ROUTEIQ_ALLOW_CODE="true", **model)
    assert [problem for problem in only_code["problems"] if "models/router.joblib" in problem]
    assert syncd.once(ROUTEIQ_ALLOW_CODE="true", ROUTEIQ_ALLOW_PICKLE="true", **model)["outcome"] == "changed"
    assert set(syncd.current()[1]) == {"config.yaml", "hook.py", "models/router.joblib"}


def test_a_large_file_is_not_fetched_again_and_is_shared_by_revisions(syncd: Syncd, s3: Server, prefix: str) -> None:
    """300 MiB in less than 90 MiB of memory; the next revision has the same file by a link, after a restart too."""
    syncd.settings |= {
        "ROUTEIQ_MAX_FILE_BYTES": str(400 * MIB),
        "ROUTEIQ_MAX_BUNDLE_BYTES": str(500 * MIB),
        "SYNCD_ADDR": f"127.0.0.1:{syncd.port}",
    }
    s3.client.put_object(Bucket=prefix, Key="gateway/models/weights.bin", Body=bytes(300 * MIB))
    weights = Path("current/models/weights.bin")
    with syncd.run() as process:
        wait_for("the large file", (syncd.volume / weights).exists, seconds=240)
        first, fetched = (syncd.volume / weights).stat(), downloads(s3, "weights.bin")
        s3.put(prefix, config("next"), "gateway/config.yaml")
        syncd.wait_for_status("the next revision", desired__number=2)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
        assert peak < 90 * 1024
    s3.put(prefix, config("after"), "gateway/config.yaml")
    assert syncd.once()["outcome"] == "changed"
    assert json.loads((syncd.volume / "current/manifest.json").read_bytes())["number"] == 3
    assert (syncd.volume / weights).stat().st_ino == first.st_ino
    assert downloads(s3, "weights.bin") == fetched


def downloads(s3: Server, name: str) -> int:
    """How often the server was asked for an object of this name, as its log says."""
    log = s3.process.output.read_text(errors="replace")
    return sum(f"{name} HTTP" in line and '"GET ' in line for line in log.splitlines())


def test_pack_refuses_what_no_prefix_may_hold(syncd: Syncd) -> None:
    """Links, names that clash, no configuration: each by its name, and no index is written."""
    tree = syncd.directory / "tree"
    (tree / "prompts").mkdir(parents=True)
    assert "config.yaml" in syncd.call("pack", str(tree)).stderr
    (tree / "config.yaml").write_text(config())
    (tree / "prompts/a.txt").symlink_to("/etc/passwd")
    (tree / "linked").symlink_to("/etc")
    told = syncd.call("pack", str(tree))
    assert told.returncode == 1
    assert all(f"{name}: only a regular file" in told.stderr for name in ("prompts/a.txt", "linked"))
    assert "root:" not in told.stderr
    for link in ("prompts/a.txt", "linked"):
        (tree / link).unlink()
    for name in ("prompts/A.txt", "prompts/a.txt", "prompts/a\nb.txt"):
        (tree / name).write_text("x")
    told = syncd.call("pack", str(tree))
    assert "only in case" in told.stderr
    assert "a\\nb.txt" in told.stderr
    assert not (tree / "revision.json").exists()
    assert syncd.call("pack", str(tree / "absent")).returncode == 1


def test_a_prefix_of_several_pages_is_listed_whole(syncd: Syncd, s3: Server, prefix: str) -> None:
    """More objects than a page of the store shows: counted for the refusal, and taken where so many are allowed."""
    for at in range(1050):
        s3.put(prefix, "x", f"gateway/prompts/{at}.txt")
    assert "has 1051 files; at most 1000 are taken; raise ROUTEIQ_MAX_FILES" in syncd.once()["problems"][0]
    assert syncd.once(ROUTEIQ_MAX_FILES="2000")["outcome"] == "changed"
    assert len(syncd.current()[1]) == 1051
