"""The keys of a configuration whose values may be shown, and the words of which keys and names consist."""

import re


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


HARMLESS = _keys("""
    access_groups admin_queue_timeout_seconds aggregation_interval alert_types alerting alerting_threshold alias
    allow_all_keys allow_requests_on_db_failure allow_user_auth allowed_fails allowed_params allowed_routes
    allowed_tools api_base api_version audit_log_callbacks auth_type aws_bedrock_runtime_endpoint aws_region_name
    background_health_check_model_groups background_health_checks base_model base_url batch_size blocked_languages
    blocking budget_duration bucket_name budget_limit cache cache_control_injection_points cache_responses callbacks
    client_ttl content_filter_threshold cooldown_time created_at created_by currency custom_auth custom_llm_provider
    custom_provider custom_sso database_connection_pool_limit database_connection_timeout database_type db db_model
    debug_level default_fallbacks default_in_memory_ttl default_in_redis_ttl default_max_parallel_requests default_on
    default_priority default_team_settings deployment_name description_length dimensions disallowed_tools
    drop_params enable_pre_call_checks encoding endpoint environment event_hooks failure_callback
    fail_closed_rate_limit_enforcement frequency_penalty gcs_bucket_name global_max_parallel_requests
    guardrail guardrail_name guardrails guardrail_timeout health_check_concurrency health_check_interval
    health_check_model health_check_timeout host include index_name input_callback interval itpm json_logs
    keepalive_seconds key_management_system lakera_threshold language languages level limit litellm_credential_name
    litellm_provider location log_level max_budget max_fallbacks max_file_size_mb max_input_tokens
    max_internal_user_budget max_output_tokens max_parallel_requests max_request_size_mb max_response_size_mb
    max_retries max_tokens maximum_spend_logs_retention_interval maximum_spend_logs_retention_period method methods
    min_tokens mode model model_group model_name model_names models name namespace num_retries on_flagged_action
    optional_pre_call_checks order otpm output_parse_pii output_vector_size page page_size path pii_entities
    pii_language polling_interval port post_call_rules presence_penalty presidio_analyzer_api_base
    presidio_anonymizer_api_base presidio_language priority prompt_id protocol_version provider proxy_base_url
    proxy_batch_write_at proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time qdrant_api_base
    qdrant_collection_name quality_routing reasoning_effort redis_db redis_flush_size redis_host redis_port
    redis_semantic_cache_embedding_model region region_name request_timeout response_format retry_after route routes
    routing_strategy rpm rpm_limit s3_bucket_name s3_endpoint_url s3_region_name scope seed server_name
    service_callback similarity_threshold size source spec_path ssl_verify store_model_in_db stream stream_timeout
    success_callback supported_call_types supported_db_objects supported_environments supports_audio_input
    supports_function_calling supports_vision target telemetry temperature threshold tier timeout top_k top_logprobs
    top_p tpm tpm_limit transport ttl turn_off_message_logging type ui_access_mode unreachable_fallback updated_at
    upperbound_key_generate_params url use_in_pass_through use_redis_transaction_buffer user_api_key_cache_ttl
    user_header_name vertex_location vertex_project watsonx_region_name weight
""")
"""Keys whose values are numbers, switches, names and addresses."""
COSTS = re.compile(r"[a-z_]*cost_per_[a-z0-9_]*|cache_[a-z_]*_cost[a-z0-9_]*|[a-z_]*tokens_per_[a-z]+")
"""Keys of prices and rates, which LiteLLM has by the hundred."""
SETTINGS = _keys("""
    agent_list agents alerting_args alerting_config allowed_fails_policy assistant_settings cache_params
    credential_list default_internal_user_params default_litellm_params default_vertex_config files_settings
    finetune_settings general_settings guardrail_info litellm_params litellm_settings mcp_tools model_info
    model_list pass_through_endpoints policy_attachments prompts retry_policy role_permissions router_settings
    routing_groups routing_strategy_args sandbox_tools search_tools vector_store_registry worker_registry
""")
"""Keys of mappings, and of lists of mappings, that hold further settings."""
SERVERS = _keys("callback_settings mcp_servers model_group_retry_policy policies provider_budget_config")
"""Keys of mappings from names that the operator chose to further settings."""
NAMES = _keys("content_policy_fallbacks context_window_fallbacks fallbacks model_alias_map model_group_alias")
"""Keys of mappings from names to names, and of lists of these."""
SECRETS = _keys("env environment_variables extra_headers headers static_headers")
"""Keys of mappings from names to values that may all be secrets."""
MORE_WORDS = _keys("""
    a above account acme ad adaptive add additional admission advertised advisory affinity ai akto alg analyze
    anchored annotation anonymize anthropic any application apply arg argument arn as assertion assertions asset
    assistants async attack attempts audience authentication authorization auto autorouter available azure b backend
    balanced based batches bearer bge binding blob block body bool breakdown bridge buckets busy byok bytes ca
    caching calls cancel capability capture categories category ccr central cert certificate certs cf character
    characters chars chat chatgpt checkpoint choices chunk citation class claude cleanup cli clients clientside code
    codes cohere command complete completion completions complexity compression concurrent confidence configurable
    configured connect container contextual continue conversation cookie cooldowns coordination cost count creation
    credentials credit daily dall dangerously data davinci day dcr de decision deepkeep deepseek delegate deny
    deployments destination detail detect detector detectors dev dict diffusion dir disable disabled disconnect
    discoverable discovery disk display document downloads ds dsn dummy east edit effective elicitation embeddings
    en enabled encryption end enforce engine error errors eu evaluation evidence exception exchange execution
    experimental extensions external failed failover failures fake false fast federation field fields filtering
    firewall fireworks flash flex flight flow forward fp fr from ft fw gateway gcp gemini gemma glm google gpt
    grounding gte guard gw haiku hallucinations handler hd healthy help hf hit hoc hook hops hosts hour hr http
    https hub identifier identity idle ids ignore image infer injections inspect instance instruct instructions int
    intent internet invalid ip is iss issuer it item items jag job jp jwt keycloak keyword kimi kms kwargs langfuse
    large lasso latency latest least license lifetime llama local logger login lowercase lowest main managed
    mappings maps mask master match media member merge messages metadata metric metrics milvus mini minute missing
    mistral mixtral mock moderation module moe monitor multiplier my n new nlp no nodes none north nova null number
    numbers nvfp oauth object ocr ollama only open openai openrouter opus or org organization otel override
    overrides owner pangea param parameter partition partitioning passcode passphrase passthrough passwd password
    pattern patterns payload pdf pem per permit persist phi pinned pixel plane plugins postgres postgresql prefer
    prefix prepared preview pricing private processing prod profile prometheus ptu public pwd py quantization query
    queued qwen qwq ranges raw read realtime recipe recognizers records redacted redaction ref reference regex
    regional registration reject reload require required rerank reservation resource results retrieval root rule run
    salt sampling sanitize sas scan scanners scheduled scopes score sdk second secret secrets section security
    selection self send sensitive sentinel sentry session set setting severity sh short shuffle sig signature
    signing simple singulr skip slack small smtp socket sonnet south special specific sql stable stagger staging
    staleness startup statements sticky storage str strictness string sts stt subject t tag tags teams template
    tenant test text thresholds tiered titan tls to token tool trace tracker transcribe transient true trusted tts
    turbo ultrafast unmanaged unscannable unset uplift uploads uppercase upstream uri us usage username v validation
    valkey value values vars vault verbose verification versions video violation virtual vl vllm voyage vpc vxlan
    weak web webhook websocket weighted west when whisper wildcard windows wingback with words workload workspace x
    xai xecguard xff xl yaml yes your
""")
"""Words of keys whose values are hidden, and of names of models, providers and callbacks."""
