"""Which of the calls that LiteLLM hands to threads only compute."""

import sys
from contextvars import Context
from functools import partial

GIVEN = """
    acompletion allow_client_keepalive_override api_base api_key base_url caching _context_compaction_state
    custom_llm_provider drop_params extra_body extra_headers frequency_penalty input_cost_per_token litellm_call_id
    litellm_logging_obj litellm_metadata litellm_session_id _litellm_strip_stream_usage litellm_trace_id logit_bias
    logprobs max_completion_tokens max_retries max_tokens merge_reasoning_content_in_choices messages metadata model
    model_info n order organization output_cost_per_token parallel_tool_calls presence_penalty prompt_cache_key
    proxy_server_request reasoning_effort request_timeout response_format rpm safety_identifier secret_fields seed
    service_tier shared_session stop store stream stream_options temperature timeout tool_choice tools top_logprobs
    top_p tpm use_in_pass_through user verbosity weight"""
COMPUTED_WITH = frozenset(GIVEN.split())
"""The arguments of a chat completion for OpenAI that LiteLLM prepares without asking network or disk."""


def only_prepares(call: object) -> bool:
    """Whether ``call``, which is to run in a thread, prepares a chat completion for OpenAI and does nothing else.

    ``litellm.acompletion`` submits ``partial(context.run, partial(litellm.main.completion, **given))``, whose result
    is a coroutine. Preparing waits where a prompt is managed elsewhere, and with a vector store, a secret manager or a
    proxy that wants a token; a model that answers by mock may sleep. So a call with an argument that is not in
    :data:`COMPUTED_WITH` is left to a thread.
    """
    if type(call) is not partial or len(call.args) != 1 or type(call.args[0]) is not partial:
        return False
    if type(getattr(call.func, "__self__", None)) is not Context:  # a wrapper, which may do anything besides
        return False
    prepare = call.args[0]
    given = prepare.keywords
    litellm = sys.modules["litellm"]
    return (
        prepare.func is sys.modules["litellm.main"].completion
        and given.get("acompletion") is True
        and given.get("custom_llm_provider") in {None, "openai"}
        and str(given.get("model")).startswith("openai/")
        and COMPUTED_WITH.issuperset(name for name, value in given.items() if value is not None and value is not False)
        and litellm.secret_manager_client is None
        and litellm.proxy_auth is None
        and litellm.vector_store_registry is None
    )
