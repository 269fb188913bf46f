# What a first start lacks, for `make up` and for the image: to be sourced by a POSIX shell.
# shellcheck shell=sh

# Print a new master key: 192 random bits, as LiteLLM wants to see one.
new_master_key() {
    printf 'sk-%s\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
}

# Print how curl reaches the gateway on port $1: over TLS where it has a certificate, which curl is to trust.
curl_to() {
    if [ -n "${SSL_CERTFILE_PATH:-}" ]; then
        printf "curl -s --cacert '%s' https://localhost:%s" "$SSL_CERTFILE_PATH" "$1"
    else
        printf 'curl -s http://localhost:%s' "$1"
    fi
}

# Print the default configuration $1, and below its demo model all models of each provider whose key is set.
default_configuration() {
    cat "$1"
    _provider openai OPENAI_API_KEY
    _provider anthropic ANTHROPIC_API_KEY
    _provider gemini GEMINI_API_KEY
    if [ -n "${AZURE_API_BASE:-}" ]; then # Azure's models live under an address of their own
        _provider azure AZURE_API_KEY '      api_base: os.environ/AZURE_API_BASE'
    fi
}

# Print the models of provider $1 if its key $2 is set; $3 is a further line of their parameters.
_provider() {
    eval "[ -n \"\${$2:-}\" ]" || return 0
    printf '  - model_name: "%s/*" # every model of the provider: %s is set\n' "$1" "$2"
    printf '    litellm_params:\n      model: "%s/*"\n      api_key: os.environ/%s\n' "$1" "$2"
    [ -z "${3:-}" ] || printf '%s\n' "$3"
}
