"""What of a configuration may be shown: values of keys whose values are harmless, and texts that read as names.

Whatever is not known to be harmless counts as a secret. So a value is shown by its key, and even then only where it
has the form of a number, a name or an address, since a secret may have been pasted there; a key is shown where it reads as
a name in which words of settings occur, or words that are one slip away from these.
"""

import difflib
import re
from enum import Enum, auto

MASK = "***"
REFERENCE = "os.environ/"


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
    weak web webhook websocket weighted west when whisper wildcard windows with words workload workspace x xai
    xecguard xff xl yaml yes your
""")
"""Words of keys whose values are hidden, and of names of models, providers and callbacks."""
RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
BRACKETED = re.compile(r"'(<[\w ]+>|[^\w\s]|-|\\[a-z])'")
"""A term of YAML's own in a message of a YAML library."""
CREDENTIAL = re.compile(
    r"(^|/)(sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[a-z]|hf|npm|pypi|dop|whsec)[_-]|(^|/)(AKIA|ASIA|AIza|eyJ)"
)
"""How keys of well-known services begin."""
KEY = re.compile(r"[A-Za-z0-9_.-]{1,80}")
NAME = re.compile(r"[A-Za-z0-9_.:/*+@-]{1,120}")
VARIABLE = re.compile(r"[A-Za-z_]\w{0,99}")
PARTS = re.compile(r"[_.:/*+@-]+")
VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
UNPRONOUNCEABLE = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}", re.IGNORECASE)
URL = re.compile(r"([a-z][a-z0-9+.-]{1,20})://(\S*)", re.IGNORECASE)
LONGEST_PART, LONGEST_WORD, LONGEST_NUMBER = 24, 14, 8
SHORTEST_WORD, LONGEST_NAME = 3, 100
MOST_RUNS, MOST_LETTERS, MOST_DIGITS = 3, 4, 17
"""A part of a name has few changes between letters and digits, unlike a key; few of its words are single letters."""
LETTERS_OF_A_SLIP = 5
CLOSE = 0.8
HIGHEST = 10**12
"""Numbers of more digits than any limit has may be keys."""


def words() -> frozenset[str]:
    """Return the words of settings, in lower case."""
    keys = HARMLESS | SETTINGS | SERVERS | NAMES | SECRETS | MORE_WORDS
    return frozenset(word for key in keys for word in RUN.findall(key))


WORDS = words()


class Place(Enum):
    """What stands at a place of a configuration: a mapping, with keys of a kind, or values."""

    SETTINGS = auto()
    SERVERS = auto()
    NAMES = auto()
    SECRETS = auto()
    HARMLESS = auto()
    HIDDEN = auto()


CHOSEN = frozenset({Place.SERVERS, Place.NAMES, Place.SECRETS})
"""Places whose keys are names that the operator chose."""


def place_below(place: Place, key: object) -> Place:
    """Return what stands under ``key`` of a mapping at ``place``."""
    name = str(key)
    if place in CHOSEN:
        return {Place.SERVERS: Place.SETTINGS, Place.NAMES: Place.HARMLESS}.get(place, Place.HIDDEN)
    if place is not Place.SETTINGS:
        return Place.HIDDEN  # a mapping where a value is expected
    kinds = {Place.SETTINGS: SETTINGS, Place.SERVERS: SERVERS, Place.NAMES: NAMES, Place.SECRETS: SECRETS}
    found = next((kind for kind, keys in kinds.items() if name in keys), None)
    return found or (Place.HARMLESS if is_harmless(key) else Place.HIDDEN)


def is_harmless(key: object) -> bool:
    """Whether the values of this key may be shown, where they have the form of a number, a name or an address."""
    name = str(key).replace("-", "_")
    return name in HARMLESS or bool(COSTS.fullmatch(name))


def is_known(text: str) -> bool:
    """Whether ``text`` consists of words of settings alone, and so tells nothing."""
    runs = RUN.findall(text)
    return any(map(str.isalpha, runs)) and bool(KEY.fullmatch(text)) and all(_is_word(run, slips=False) for run in runs)


def shown_key(key: object, place: Place = Place.SETTINGS) -> str:
    """Return ``key`` of a mapping at ``place`` as it may be shown; a secret may have been pasted there."""
    text = str(key)
    runs = RUN.findall(text) if KEY.fullmatch(text) else []
    if runs and all(map(_is_word, runs)):
        return text
    tells = place in CHOSEN or any(len(run) >= SHORTEST_WORD and run.isalpha() and _is_word(run) for run in runs)
    return text if tells and is_name(text) else MASK


def shown_scalar(value: object, place: Place = Place.HARMLESS) -> object:
    """Return ``value``, which is no mapping and no list and stands at ``place``, as it may be shown."""
    match value:
        case bool() | None:
            return value
        case str() if value.startswith(REFERENCE):
            return shown_reference(value)
        case int() | float() if place is Place.HARMLESS and -HIGHEST < value < HIGHEST:
            return value
        case str() if place is Place.HARMLESS:
            return shown_text(value)
        case _:
            return MASK


def shown_text(text: str) -> str:
    """Return ``text`` where it reads as a name; of an address, what reads so."""
    if address := URL.fullmatch(text):
        return _shown_url(address[1], address[2])
    return text if is_name(text) or not text else MASK


def shown_reference(text: str) -> str:
    """Return a reference to a variable; behind its prefix a secret may have been pasted."""
    name = text.removeprefix(REFERENCE)
    return text if is_variable(name) else REFERENCE + MASK


def is_variable(name: str) -> bool:
    """Whether ``name`` reads as the name of a variable."""
    return bool(VARIABLE.fullmatch(name)) and is_name(name)


def is_name(text: str) -> bool:
    """Whether ``text`` reads as a name: words that can be pronounced or are known, and short numbers."""
    if not NAME.fullmatch(text) or CREDENTIAL.search(text):
        return False
    runs = [RUN.findall(part) for part in PARTS.split(text)]
    flat = [run for part in runs for run in part]
    digits = [run for run in flat if run.isdigit()]
    return (
        len(digits) < len(flat)
        and all(map(_reads, flat))
        and sum(map(len, digits)) <= MOST_DIGITS
        and sum(len(run) == 1 for run in flat if run.isalpha()) <= MOST_LETTERS
        and all(len(part) <= MOST_RUNS and sum(map(len, part)) <= LONGEST_PART for part in runs)
        and sum(map(len, flat)) <= LONGEST_NAME
    )


def _is_word(run: str, *, slips: bool = True) -> bool:
    if run.isdigit():
        return len(run) <= LONGEST_NUMBER // 2
    word = run.lower()
    if word in WORDS:
        return True
    return (
        slips
        and len(word) >= LETTERS_OF_A_SLIP
        and bool(difflib.get_close_matches(word[:LONGEST_PART], WORDS, n=1, cutoff=CLOSE))
    )


def _reads(run: str) -> bool:
    if run.isdigit():
        return len(run) <= LONGEST_NUMBER
    if run.lower() in WORDS or len(run) == 1:
        return True
    length = SHORTEST_WORD <= len(run) <= LONGEST_WORD
    return length and bool(VOWEL.search(run)) and not UNPRONOUNCEABLE.search(run)


def _shown_url(scheme: str, rest: str) -> str:
    login, at, rest = rest.rpartition("@")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    user, colon, _ = login.partition(":")
    before = f"{user}:{MASK}@" if colon and is_name(user) else f"{MASK}@" if at else ""
    after = f"?{shown_query(query)}" if query else ""
    return f"{scheme}://{before}{_shown_host(host)}{slash}{shown_path(path)}{after}{'#' + MASK if fragment else ''}"


def shown_path(path: str) -> str:
    """Return the path of an address as it may be shown: parts that read as names, or as versions."""
    return "/".join(part if not part or is_name(part) or _is_version(part) else MASK for part in path.split("/"))


def shown_query(query: str) -> str:
    """Return the query of an address as it may be shown."""
    return "&".join(map(shown_parameter, query.split("&")))


def shown_parameter(text: str) -> str:
    """Return a parameter of a query, ``name=value``, as it may be shown."""
    name, equals, value = text.partition("=")
    if not equals:
        return MASK if text else ""
    harmless = is_harmless(name) and (not value or value.isdigit() or _is_version(value) or is_name(value))
    return f"{shown_key(name)}={value if harmless else MASK}"


def _is_version(text: str) -> bool:
    """Whether ``text`` is a version or a date."""
    return len(text) <= LONGEST_NUMBER + 2 and bool(re.fullmatch(r"[0-9]+([.-][0-9]+)*", text))


def _shown_host(host: str) -> str:
    numeric = re.fullmatch(r"(\[[0-9a-f:.]{2,45}\]|[0-9]{1,3}(\.[0-9]{1,3}){3})(:[0-9]{1,5})?", host, re.IGNORECASE)
    return host if numeric or not host or is_name(host) else MASK


def unquoted(message: str) -> str:
    """Return the message of a YAML library without what it quotes: a password that begins with ``!`` is a tag there.

    Terms of YAML's own stay. From the first other quotation mark to the last all is left out, whatever stands between.
    """
    terms = BRACKETED.sub(lambda found: f"\0{found[1]}\0", message)
    marks = [at for at, letter in enumerate(terms) if letter in "'\"`"]
    if marks:
        terms = f"{terms[: marks[0]]}'{MASK}'{terms[marks[-1] + 1 :] if len(marks) > 1 else ''}"
    return terms.replace("\0", "'")
