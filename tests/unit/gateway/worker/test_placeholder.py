"""The application that stands in for LiteLLM while there is no configuration."""

from routeiq_gateway.worker.placeholder import placeholder
from tests.support.asgi import ask


def test_the_placeholder_answers_503() -> None:
    """Before the first revision every request is told so."""
    assert ask(placeholder, "GET", "/v1/models").status_code == 503
