"""What LiteLLM would do at the first requests of a worker, done before it serves.

Found by comparing ``sys.modules`` before and after first requests (mock, HTTP upstream, stream, messages, responses,
embeddings, realtime, MCP, model list, refused key); the modules named here import the others.
``tests/integration/gateway/litellm_edge/test_first_requests.py`` fails when a first request imports another
module, or works routes out. A module that an installation lacks is passed over.
"""

import contextlib
import importlib

NAMES = """
    anyio._backends._asyncio encodings.ascii litellm.integrations.otel.logger
    litellm.integrations.otel.presets.destinations litellm.integrations.shadow_eval_logger
    litellm.litellm_core_utils.default_encoding litellm.llms.a2a.chat.guardrail_translation.handler
    litellm.llms.anthropic.chat.guardrail_translation.handler litellm.llms.anthropic.completion.transformation
    litellm.llms.bedrock.passthrough.guardrail_translation.handler
    litellm.llms.cohere.rerank.guardrail_translation.handler litellm.llms.edenai.chat.transformation
    litellm.llms.fal_ai.chat.transformation litellm.llms.gemini.google_genai.guardrail_translation.handler
    litellm.llms.github_copilot.per_user_auth litellm.llms.litellm_proxy.chat.transformation
    litellm.llms.mistral.ocr.guardrail_translation.handler litellm.llms.openai.chat.gpt_audio_transformation
    litellm.llms.openai.completion.guardrail_translation.handler
    litellm.llms.openai.embeddings.guardrail_translation.handler
    litellm.llms.openai.speech.guardrail_translation.handler
    litellm.llms.openai.transcriptions.guardrail_translation.handler
    litellm.llms.openai.videos.guardrail_translation.handler litellm.llms.openai_like.dynamic_config
    litellm.llms.pass_through.guardrail_translation.handler
    litellm.llms.vertex_ai.vertex_ai_partner_models.anthropic.transformation
    litellm.proxy._experimental.mcp_server.guardrail_translation.handler
    litellm.proxy._experimental.mcp_server.mcp_server_manager litellm.proxy._experimental.mcp_server.rest_endpoints
    litellm.proxy._experimental.mcp_server.server litellm.proxy.admin_mcp litellm.proxy.anthropic_endpoints.endpoints
    litellm.proxy.common_utils.banner litellm.proxy.guardrails.anthropic_sse litellm.proxy.guardrails.guardrail_helpers
    litellm.proxy.hooks.mcp_semantic_filter.hook litellm.proxy.pass_through_endpoints.llm_passthrough_endpoints
    litellm.proxy.policy_engine.init_policies litellm.proxy.realtime_endpoints.endpoints
    litellm.proxy.response_polling.background_streaming litellm.proxy.response_polling.polling_handler
    litellm.responses.mcp.chat_completions_handler litellm.sandbox.sandbox_tools
    litellm.types.litellm_core_utils.streaming_chunk_builder_utils litellm.types.proxy.litellm_pre_call_utils
    litellm_enterprise.proxy.auth.route_checks nacl.secret openai.resources.videos"""
MODULES = tuple(NAMES.split())
"""The parent imports these once, before it forks, so that workers share them."""
IN_WORKERS = ("prometheus_client", "prometheus_client.multiprocess")
"""A worker imports these at its start: they read from the environment, when imported, where to keep their files."""


def import_in_worker() -> None:
    """Import what only a worker may."""
    for name in IN_WORKERS:
        with contextlib.suppress(ImportError):  # LiteLLM does without it, too
            importlib.import_module(name)
