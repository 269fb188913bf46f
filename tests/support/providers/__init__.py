"""Providers to stand behind LiteLLM: one real server on loopback that speaks each API which real clients use.

It answers the same each time, so that what two proxies make of an answer can be compared. It speaks OpenAI's API (and
its realtime WebSocket), Anthropic's, Gemini's, and MCP over streamable HTTP.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from tests.support.processes import free_port
from tests.support.providers import anthropic, gemini, openai, realtime, tools
from tests.support.waiting import wait_for

CONFIGURATION = """
model_list:
  - {{model_name: gpt, litellm_params: {{model: openai/gpt-4o-mini, api_key: sk-provider, api_base: "{base}/v1"}}}}
  - model_name: embedding
    litellm_params: {{model: openai/text-embedding-3-small, api_key: sk-provider, api_base: "{base}/v1"}}
  - {{model_name: image, litellm_params: {{model: openai/gpt-image-1, api_key: sk-provider, api_base: "{base}/v1"}}}}
  - {{model_name: speech, litellm_params: {{model: openai/tts-1, api_key: sk-provider, api_base: "{base}/v1"}}}}
  - model_name: transcription
    litellm_params: {{model: openai/whisper-1, api_key: sk-provider, api_base: "{base}/v1"}}
    model_info: {{mode: audio_transcription}}
  - model_name: moderation
    litellm_params: {{model: openai/omni-moderation-latest, api_key: sk-provider, api_base: "{base}/v1"}}
  - model_name: text
    litellm_params:
      {{model: text-completion-openai/gpt-3.5-turbo-instruct, api_key: sk-provider, api_base: "{base}/v1"}}
  - {{model_name: realtime, litellm_params: {{model: openai/gpt-realtime, api_key: sk-provider, api_base: "{base}"}}}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-4-6, api_key: sk-provider, api_base: "{base}"}}
  - model_name: gemini
    litellm_params: {{model: gemini/gemini-2.5-flash, api_key: sk-provider, api_base: "{base}/v1beta"}}
files_settings:
  - {{custom_llm_provider: openai, api_key: sk-provider, api_base: "{base}/v1"}}
mcp_servers:
  tools: {{url: "{base}/mcp", transport: http, allow_all_keys: true, available_on_public_internet: true}}
router_settings: {{disable_cooldowns: true, num_retries: 0}}
general_settings:
  pass_through_endpoints:
    - {{path: /provider, target: "{base}", include_subpath: true, headers: {{Authorization: Bearer sk-provider}}}}
"""


@dataclass(frozen=True)
class Providers:
    """The server of all providers, and where it listens."""

    port: int
    pace: openai.Pace

    @property
    def base(self) -> str:
        """The URL of its root."""
        return f"http://127.0.0.1:{self.port}"

    def configuration(self, *, number: int = 0) -> str:
        """Return a configuration of LiteLLM with a model of each kind; ``number`` stands in a comment."""
        return f"# {number}\n{CONFIGURATION.format(base=self.base)}"

    @property
    def settings(self) -> dict[str, str]:
        """Variables that send LiteLLM's pass-through routes, files and batches here."""
        return {
            "OPENAI_API_BASE": f"{self.base}/v1",
            "OPENAI_API_KEY": "sk-provider",
            "ANTHROPIC_API_BASE": self.base,
            "ANTHROPIC_API_KEY": "sk-provider",
            "GEMINI_API_BASE": self.base,
            "GEMINI_API_KEY": "sk-provider",
        }


@contextlib.contextmanager
def providers(*, pieces: int = 3, pause: float = 0) -> Iterator[Providers]:
    """Run the providers in a thread of the test process; a stream has ``pieces`` pieces, ``pause`` seconds apart."""
    port = free_port()
    mcp = tools.server().streamable_http_app(stateless_http=True)
    paced = openai.Pace(pieces, pause)
    routes = [*openai.routes(paced), *anthropic.routes(paced), *gemini.routes(paced), *realtime.routes(), *mcp.routes]
    application = Starlette(routes=routes, lifespan=mcp.router.lifespan_context)
    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for("the providers to listen", lambda: server.started)
        yield Providers(port, paced)
    finally:
        server.should_exit = True
        thread.join()
