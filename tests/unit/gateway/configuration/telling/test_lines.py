"""Where a part of a configuration stands."""

from routeiq_gateway.configuration.telling.lines import find_lines

TEXT = b"""\
model_list:
  - model_name: demo
xK9vQ2mT7pL4w: 1
general_settings:
  zR8nB5cW3dF6g: 1
  hJ2kM9sX4vT7q: 2
  master_key: sk
qW3eR7tY1uI5o: {alerting: 1}
"""


def test_a_part_has_the_line_of_its_key_by_the_name_that_messages_show() -> None:
    """Entries count from 0; keys that show alike, at the top or below, have no line, so that none has another's."""
    places = find_lines("own.yaml", {"own.yaml": TEXT}.get)
    assert places == {
        "model_list": "own.yaml:1",
        "model_list[0]": "own.yaml:2",
        "model_list[0].model_name": "own.yaml:2",
        "general_settings": "own.yaml:4",
        "general_settings.master_key": "own.yaml:7",
    }
