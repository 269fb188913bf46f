"""The file source hands over what it has read, parsed once."""

from pathlib import Path

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.configuration.rules import validate
from routeiq_syncd.configuration.yaml_lines import YamlDocument
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.sources.file import FileSource


def test_what_the_source_parsed_is_not_parsed_again(tmp_path: Path) -> None:
    """Every YAML file of a bundle comes parsed, and the rules judge that very document."""
    (tmp_path / "config.yaml").write_text("include: [models.yaml]\n")
    (tmp_path / "models.yaml").write_text("model_list: 1\n")
    fetched = FileSource(tmp_path / "config.yaml", Bounds()).fetch(None)
    assert isinstance(fetched, Fetched)
    bundle = fetched.bundle
    assert set(bundle.parsed) == set(bundle.files) == {"config.yaml", "models.yaml"}
    for path, document in bundle.parsed.items():
        assert isinstance(document, YamlDocument)
        assert bundle.parse(path) is document
    assert validate(bundle, kind="file", environment=frozenset()).errors[0].text().startswith("models.yaml:1:")
