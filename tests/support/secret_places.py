"""Places of a configuration where operators put secrets, rightly or by mistake, and the secrets that they put there."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

WINDOW = 8
"""Characters of a secret that must not stand together anywhere."""
PEM = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIB\n"
    "Qk9x7Lw2VhT5sZp0YdRfKu3NcGm8JbXeWqAoHiU1PlStDvEy\n-----END PRIVATE KEY-----\n"
)
MADE: dict[str, str] = {
    "key": "sk-live-Zx81QmT7vLpR4Nw9Hd3b",
    "aws": "wJ4lrXUtn7FEMI/K7MDENG+bPxRfiCYzQ8vT1sLk",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.Qm4xZ8vT1sLkJ7pWq2",
    "hex": "5f4dcc3b5aa765d61d8327deb882cf99",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "base64": "cGFzc3dvcmQ6aHVudGVyMi1RbTR4Wjg=",
}
"""Secrets that a machine made: none may be shown, wherever it stands."""
CHOSEN: dict[str, str] = {
    "password": "Tr0ub4dor&3%Kx9!q",
    "phrase": "swordfish-nebula-quartz",
    "pem": PEM,
    "quoted": 'it\'s "odd" \\ pa55 | #word',
}
"""Secrets that a person chose, or that have many words: none may be shown but where a name is expected."""

DEMO = "model_list:\n  - model_name: demo\n    litellm_params: {model: openai/demo}\n"
MODEL = DEMO.removesuffix("}\n") + ", mock_response: hi, "
VALUES: dict[str, str] = {
    "api_key": MODEL + "api_key: @}\n",
    "a text behind a scheme": MODEL + 'api_key: "Bearer ~"}\n',
    "an unknown name": MODEL + "passcode_of_ours: @}\n",
    "sas_url": MODEL + "sas_url: @}\n",
    "service_account_json": MODEL + "service_account_json: @}\n",
    "extra_headers": MODEL + "extra_headers: {X-Api-Key: @, Authorization: @}}\n",
    "extra_headers, a text": MODEL + "extra_headers: @}\n",
    "extra_body": MODEL + "extra_body: {nested: {deeper: [@]}}}\n",
    "api_key, a list": MODEL + "api_key: [@]}\n",
    "api_key, a mapping": MODEL + "api_key: {value: @}}\n",
    "metadata": MODEL + "metadata: {note: @}}\n",
    "tags": MODEL + "tags: [@]}\n",
    "vertex_credentials": MODEL + "vertex_credentials: {private_key: @, client_email: x@y.z}}\n",
    "aws pair": MODEL + "aws_access_key_id: @, aws_secret_access_key: @}\n",
    "model_info": DEMO + "    model_info: {owner: @}\n",
    "master_key": "general_settings: {master_key: @}\n",
    "master_key, a list": "general_settings: {master_key: [@]}\n",
    "database_url": 'general_settings: {database_url: "postgresql://user:~@host:5432/db?sslpassword=~"}\n',
    "alert_to_webhook_url": 'general_settings: {alert_to_webhook_url: {budget: "https://hooks.example/services/~"}}\n',
    "a header of a pass-through": "general_settings:\n  pass_through_endpoints:\n    - path: /x\n      target: http://h\n"
    "      headers: {Authorization: @, content-type: application/json}\n",
    "a switch": "general_settings: {store_model_in_db: @}\n",
    "redis_password": "router_settings: {redis_host: 127.0.0.1, redis_password: @}\n",
    "redis_url": 'router_settings: {redis_url: "redis://:~@127.0.0.1:6379/0"}\n',
    "retry_policy": "router_settings: {retry_policy: {InternalServerErrorRetries: @}}\n",
    "cache password": "litellm_settings: {cache: true, cache_params: {type: redis, password: @}}\n",
    "callback parameters": "litellm_settings: {callbacks: [otel], otel_params: {headers: @}}\n",
    "langfuse": "litellm_settings: {langfuse_secret: @, langfuse_public_key: @}\n",
    "callback_settings": "callback_settings: {otel: {endpoint: 'http://h', headers: @}}\n",
    "environment_variables": "environment_variables: {OPENAI_API_KEY: @, HOST: @}\n",
    "env of an MCP server": "mcp_servers:\n  one: {command: npx, transport: stdio, env: {TOKEN: @, HOME: @}}\n",
    "args of an MCP server": 'mcp_servers:\n  one: {command: npx, args: ["--token", @, "--key=~"]}\n',
    "headers of an MCP server": "mcp_servers:\n  one: {url: 'http://h', static_headers: {bearer: @}}\n",
    "authentication_token": "mcp_servers:\n  one: {url: 'http://h', authentication_token: @}\n",
    "query of an address": MODEL + 'api_base: "https://host/v1?sig=~&api-version=1"}\n',
    "token of an address": MODEL + 'api_base: "https://~@host/v1"}\n',
    "credential_list": "credential_list:\n  - credential_name: one\n    credential_values: {api_key: @}\n",
    "guardrail": "guardrails:\n  - guardrail_name: one\n    litellm_params: {guardrail: aim, api_key: @}\n",
    "vector store": "vector_store_registry:\n  - vector_store_name: one\n    litellm_params: {api_key: @}\n",
    "search tool": "search_tools:\n  - search_tool_name: one\n    litellm_params: {search_provider: x, api_key: @}\n",
    "an unknown section": "our_section: {note: @}\n",
    "an unknown section, a text": "our_section: @\n",
    "a section, a text": "model_list: @\n",
    "a section, a list": "general_settings: [@]\n",
    "an entry of a list": "model_list: [@]\n",
    "an anchor": "our_section: &one {jwt: @}\ngeneral_settings: {<<: *one}\n",
    "a merge key": "base: &b {bearer: @}\n" + MODEL + "<<: *b}\n",
    "a block": "general_settings:\n  master_key: |\n    ~~\n",
}
"""Configurations by what holds the secret: ``@`` stands for the secret as a value of YAML, ``~`` for it within a text,
``~~`` for its lines in a block."""
WRONG: dict[str, str] = {
    "model": "model_list:\n  - model_name: demo\n    litellm_params: {model: @}\n",
    "model behind a provider": 'model_list:\n  - model_name: demo\n    litellm_params: {model: "openai/~"}\n',
    "model_name": "model_list:\n  - model_name: @\n    litellm_params: {model: nosuchprovider/x}\n",
    "api_base": MODEL + "api_base: @}\n",
    "a host": MODEL + 'api_base: "https://~/v1"}\n',
    "behind os.environ": 'general_settings: {master_key: "os.environ/~"}\n',
    "behind os.environ in a header": MODEL + 'extra_headers: {A: "Bearer os.environ/~"}}\n',
    "a key of settings": "general_settings: {@: 1}\n",
    "a key of router_settings": "router_settings: {@: 1}\n",
    "a key of litellm_settings": "litellm_settings: {@: 1}\n",
    "a key of a header": MODEL + "extra_headers: {@: x}}\n",
    "a key below a key": "general_settings: {master_key: {@: null}}\n",
    "a section": "@: {a: 1}\n",
    "a key twice": "general_settings:\n  @: 1\n  @: 2\n",
    "a callback": "litellm_settings: {callbacks: [@]}\n",
    "callbacks, a text": "litellm_settings: {success_callback: @}\n",
    "type of a cache": "litellm_settings: {cache: true, cache_params: {type: @}}\n",
    "a fallback": DEMO + "router_settings: {fallbacks: [{demo: [@]}]}\n",
    "the source of a fallback": DEMO + "router_settings: {fallbacks: [{@: [demo]}]}\n",
    "a number of the router": "router_settings: {num_retries: @}\n",
    "rpm": MODEL + "rpm: @}\n",
    "include": "include: [@]\n",
    "a guardrail's name": "guardrails:\n  - guardrail_name: @\n    litellm_params: {guardrail: none, mode: pre_call}\n",
}
"""Fields that a key was pasted into by mistake."""
BROKEN: dict[str, str] = {
    "a tag": "general_settings:\n  master_key: !^ x\n",
    "an alias": "general_settings:\n  master_key: *^\n",
    "an anchor twice": "a: &^ 1\nb: &^ 2\nc: [*^\n",
    "an unclosed text": 'general_settings:\n  master_key: "^\nmodel_list: []\n',
    "an unclosed list": "general_settings:\n  master_key: [^\nmodel_list: x\n",
    "no space behind the colon": "general_settings:\n  master_key:^\n  database_url: x\n",
    "a tabulator": "general_settings:\n\tmaster_key: ^\n",
    "an escape": 'general_settings:\n  master_key: "\\q^"\n',
    "a percent sign": "general_settings:\n  master_key: %^\n",
    "an at sign": "general_settings:\n  master_key: @^\n",
    "a comment beside": "general_settings:\n  master_key: [ # ^\n",
    "a directive": "%^ 1\n---\na: 1\n",
    "two documents": "a: ^\n---\nb: ^\n",
    "a template": "general_settings:\n  master_key: {{ ^ }}\n",
    "base64 of a tag": "general_settings:\n  master_key: !!binary ^=\n",
    "a number of a tag": "general_settings:\n  master_key: !!int ^\n",
    "a mapping within a value": "general_settings:\n  master_key: ^: ^: x\n",
}
"""Texts that are no YAML, or no value of their type; ``^`` stands for the secret as it stands."""


@dataclass(frozen=True)
class SecretPlace:
    """A configuration with a secret in it.

    Attributes:
        name: what holds the secret, and which secret it is.
        config: the text of the configuration.
        secret: what must not be shown.
    """

    name: str
    config: str
    secret: str

    def shown_in(self, text: str) -> str | None:
        """Return what of the secret ``text`` shows: eight characters together, or all of a shorter one; else None."""
        for line in self.secret.splitlines():
            if line.startswith("-----"):
                continue
            for form in (line, json.dumps(line)[1:-1], repr(line)[1:-1]):
                for at in range(max(len(form) - WINDOW + 1, 1)):
                    if form[at : at + WINDOW] in text:
                        return form[at : at + WINDOW]
        return None


def secret_places() -> Iterator[SecretPlace]:
    """Yield every place with the secrets that belong there; more than 200."""
    for templates, secrets in ((VALUES, MADE | CHOSEN), (WRONG, MADE)):
        for at, (place, template) in enumerate(templates.items()):
            for number, (kind, secret) in enumerate(secrets.items()):
                if (at + number) % 2 == 0 or kind == "key":
                    yield SecretPlace(f"{place}: {kind}", _filled(template, secret), secret)
    for place, template in VALUES.items():
        if "@" in re.sub(r"\S@\S", "", template) and "~" not in template:
            yield SecretPlace(f"{place}: number", template.replace("@", "918273645546372819"), "918273645546372819")
    for place, template in BROKEN.items():
        for kind in ("key", "hex"):
            secret = MADE[kind]
            yield SecretPlace(f"{place}: {kind}", template.replace("^", secret), secret)


def _filled(template: str, secret: str) -> str:
    lines = "\n    ".join(secret.splitlines())
    within = json.dumps(secret.replace("\n", " "))[1:-1]
    text = template.replace("~~", lines).replace("x@y.z", "\0")
    text = re.sub(r"@(?![a-z0-9])|(?<=[ \[{])@", lambda _: json.dumps(secret), text).replace("\0", "x@y.z")
    return text.replace("~", within)
