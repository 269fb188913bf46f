"""What comes into a revision beside the files that a configuration includes: modules, packages, further files."""

import tracemalloc
from pathlib import Path

import pytest

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.revision.fetched import Fetched, Unacceptable, Unchanged
from routeiq_syncd.sources.file import FileSource
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

NAMES = "litellm_settings: {{callbacks: [{}]}}\n"
FURTHER = "ROUTEIQ_CONFIG_FILES"


def _files(syncd: Syncd, callback: str, files: dict[str, str], **settings: str) -> set[str]:
    """Take a turn on a configuration with ``callback`` beside ``files``; return what the revision holds besides."""
    for name, text in files.items():
        syncd.write(text, name)
    syncd.write(config() + NAMES.format(callback))
    result = syncd.once(**settings)
    assert result["outcome"] == "changed", result
    return set(syncd.current()[1]) - {"config.yaml"}


@pytest.mark.parametrize(
    ("callback", "files", "left_out"),
    [
        ("cb.handler", {"cb.py": "from helper import x", "helper.py": "import deeper", "deeper.py": ""}, {"x.py"}),
        ("hooks.cb.handler", {"hooks/cb.py": "from hooks.util import y", "hooks/util.py": ""}, {"hooks/other.py"}),
        ("hooks.cb.handler", {"hooks/cb.py": "from .util import y", "hooks/util.py": "import top", "top.py": ""}, {}),
        ("cb.handler", {"cb.py": "def f():\n  import late", "late.py": ""}, {"helper.txt"}),
        (
            "hooks.cb.handler",
            {f"hooks/{name}": "" for name in ("__init__.py", "cb.py", "dynamic.py", "words/en.json", "deep/a/b.py")},
            {"hooks/__pycache__/cb.pyc", "hooks/.hidden", "hooks/deep/__pycache__/b.py", "other.py"},
        ),
        ("hooks.handler", {"hooks/__init__.py": "from . import cb", "hooks/cb.py": ""}, {"cb.py"}),
        ("cb.handler", {"cb.py": "import pkg.sub", "pkg/__init__.py": "", "pkg/sub/x.py": "", "pkg/data.bin": ""}, {}),
        ("cb.handler", {"cb.py": "import one", "one.py": "import two", "two.py": "import one, cb"}, {"three.py"}),
    ],
)
def test_what_a_module_imports_comes_with_it(
    syncd: Syncd, callback: str, files: dict[str, str], left_out: set[str]
) -> None:
    """Modules by what they import, however deep; packages whole; nothing else."""
    for name in left_out:
        syncd.write("", name)
    assert _files(syncd, callback, files) == set(files)


@pytest.mark.parametrize(
    ("patterns", "drawn"),
    [
        ("deny.json", {"deny.json"}),
        ("*.json", {"deny.json", "allow.json"}),
        (" ./deny.json , prompts/*.txt ", {"deny.json", "prompts/a.txt"}),
        ("prompts/**", {"prompts/a.txt", "prompts/de/b.txt", "prompts/de/c.md"}),
        ("**/*.txt", {"prompts/a.txt", "prompts/de/b.txt"}),
        ("prompts/*/?.[mt]*", {"prompts/de/b.txt", "prompts/de/c.md"}),
        (".dotted", {".dotted"}),
        ("tools/*.py", {"tools/run.py", "found.py"}),
    ],
)
def test_further_files_come_by_patterns(syncd: Syncd, patterns: str, drawn: set[str]) -> None:
    """Files that only a running module reads are named by a setting, and a module among them counts as one."""
    texts = ("prompts/a.txt", "prompts/de/b.txt", "prompts/de/c.md", "deny.json", "allow.json", ".dotted", "found.py")
    files = {"cb.py": "", "tools/run.py": "import found", **dict.fromkeys(texts, "")}
    assert _files(syncd, "cb.handler", files, **{FURTHER: patterns}) == {"cb.py", *drawn}


@pytest.mark.parametrize("patterns", ["absent.json", "*.absent", "deny.json,prompts", "cb.py/x"])
def test_a_pattern_that_no_file_fits_is_refused_by_name(syncd: Syncd, patterns: str) -> None:
    """An operator who mistypes a pattern learns it before a module misses its data."""
    for name in ("prompts/a.txt", "deny.json", "cb.py"):
        syncd.write("", name)
    syncd.write(config())
    result = syncd.once(**{FURTHER: patterns})
    told = f"{patterns.rsplit(',', maxsplit=1)[-1]}: no file beside the configuration fits this pattern of {FURTHER}"
    assert result["outcome"] == "refused"
    assert [problem.partition(";")[0] for problem in result["problems"]] == [told]


@pytest.mark.parametrize("patterns", ["/etc/hostname", "../x", "a/../../x", "prompts//x", "."])
def test_a_pattern_that_leads_out_ends_the_start(syncd: Syncd, patterns: str) -> None:
    """The sentence names the setting and what it takes."""
    syncd.write(config())
    ended = syncd.call("once", **{FURTHER: patterns})
    assert ended.returncode == 2
    assert f"{FURTHER} must be patterns parted by commas" in ended.stderr


def test_the_setting_is_not_ignored_in_silence_where_it_has_no_effect(syncd: Syncd) -> None:
    """A single object in S3 has no files beside it."""
    ended = syncd.call(
        "once", CONFIG_SOURCE="s3", S3_BUCKET_NAME="b", AWS_ENDPOINT_URL="http://127.0.0.1:9", **{FURTHER: "x"}
    )
    assert f"{FURTHER} has no effect" in ended.stdout


@pytest.mark.parametrize(
    ("link", "target", "told"),
    [
        ("helper.py", "../outside.py", "helper.py: the file is a link that leads out"),
        ("pkg", "../outside", "link that leads out of the configuration's directory"),
        ("data/more", "../../outside", "data/more: the directory is a link that leads out"),
        ("data/loop", "..", "data/loop: the directory is a link to a directory that holds it"),
        ("data/self", ".", "data/self: the directory is a link to a directory that holds it"),
    ],
)
def test_no_link_leads_out_or_round(syncd: Syncd, link: str, target: str, told: str) -> None:
    """Modules, packages and directories of further files stay within the configuration's directory, and end."""
    outside = syncd.directory / "outside"
    outside.mkdir()
    (outside / "__init__.py").write_text("")
    (syncd.directory / "outside.py").write_text("")
    syncd.write("import helper, pkg", "cb.py")
    syncd.write("", "data/plain")
    syncd.write(config() + NAMES.format("cb.handler"))
    (syncd.config.parent / link).symlink_to(target)
    result = syncd.once(**{FURTHER: "data/**"})
    assert result["outcome"] == "refused"
    assert any(told in problem for problem in result["problems"]), result["problems"]


def test_a_config_map_with_modules_and_data_is_drawn_in(syncd: Syncd) -> None:
    """Kubernetes mounts links into `..data`, to directories as well; the revision holds files, each once."""
    mount = syncd.config.parent
    (mount / "..one/pkg").mkdir(parents=True)
    for name, text in {
        "config.yaml": config() + NAMES.format("cb.handler"),
        "cb.py": "import pkg",
        "deny.json": "",
    }.items():
        (mount / "..one" / name).write_text(text)
        (mount / name).symlink_to(f"..data/{name}")
    (mount / "..one/pkg/__init__.py").write_text("")
    (mount / "pkg").symlink_to("..data/pkg")
    (mount / "..data").symlink_to("..one")
    assert syncd.once(**{FURTHER: "**/*.json"})["outcome"] == "changed"
    assert set(syncd.current()[1]) == {"config.yaml", "cb.py", "deny.json", "pkg/__init__.py"}


@pytest.mark.parametrize("changed", ["pkg/new.json", "helper.py", "prompts/new.txt"])
def test_a_change_to_what_is_drawn_in_is_noticed_at_once(syncd: Syncd, changed: str) -> None:
    """A new file in a package, one that a pattern fits, and a module that was missing: the watch sees each."""
    for name in ("pkg/__init__.py", "prompts/a.txt"):
        syncd.write("", name)
    syncd.write("import pkg, helper", "cb.py")
    syncd.write(config() + NAMES.format("cb.handler"))
    with syncd.run({"CONFIG_SYNC_INTERVAL": "600", FURTHER: "prompts/*.txt"}):
        syncd.wait_for_status("the first revision", desired__number=1)
        syncd.write("", changed)
        wait_for(f"{changed} in a revision", lambda: changed in syncd.current()[1])


def test_an_unchanged_tree_is_known_without_parsing(tmp_path: Path) -> None:
    """The same bytes at the same paths are the same revision; a file that comes or goes is another."""
    (tmp_path / "pkg").mkdir()
    for name, text in {"config.yaml": NAMES.format("pkg.cb.x"), "pkg/__init__.py": "", "pkg/cb.py": ""}.items():
        (tmp_path / name).write_text(text)
    source = FileSource(tmp_path / "config.yaml", Bounds())
    first = source.fetch(None)
    assert isinstance(first, Fetched)
    assert source.fetch(first.token) == Unchanged()
    (tmp_path / "pkg/data").write_text("")
    second = source.fetch(first.token)
    assert isinstance(second, Fetched)
    (tmp_path / "pkg/data").unlink()
    third = source.fetch(second.token)
    assert isinstance(third, Fetched)
    assert third.token == first.token


def test_number_and_size_are_bounded_before_anything_is_kept(tmp_path: Path) -> None:
    """A package of any size costs no more memory than the bound, and the problem names where it was exceeded."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "config.yaml").write_text(NAMES.format("pkg.cb.x"))
    for number in range(40):
        (tmp_path / f"pkg/{number}.bin").write_bytes(bytes(1024 * 1024))
    (tmp_path / "pkg/__init__.py").write_text("")
    for bounds in (Bounds(bundle_bytes=2 * 1024 * 1024), Bounds(files=2)):
        tracemalloc.start()
        found = FileSource(tmp_path / "config.yaml", bounds).fetch(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert isinstance(found, Unacceptable)
        assert "more than" in found.problems[0].message
        assert found.problems[0].file.startswith("pkg/")
        assert peak < 6 * 1024 * 1024
