"""USE_AWS_KMS: variables that AWS KMS encrypted are decrypted at the start."""

import base64
from pathlib import Path

import boto3

from tests.support.gateway import config_with, gateway
from tests.support.processes import SCRIPTS
from tests.support.s3 import moto

KEY = "sk-decrypted-1f7c2a"


def test_encrypted_variables_are_decrypted_at_the_start(tmp_path: Path) -> None:
    """A master key that KMS encrypted opens the gateway, as it opens LiteLLM; KMS is asked by LiteLLM's own code."""
    with moto(tmp_path) as server:
        kms = boto3.client(
            "kms",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="id",
            aws_secret_access_key="secret",
        )
        name = kms.create_key()["KeyMetadata"]["KeyId"]
        sealed = base64.b64encode(kms.encrypt(KeyId=name, Plaintext=KEY.encode())["CiphertextBlob"]).decode()
        settings = {
            "USE_AWS_KMS": "True",
            "AWS_REGION_NAME": "us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": server.endpoint,
            "LITELLM_LICENSE": "none",
            "LITELLM_MASTER_KEY": f"aws_kms/{sealed}",
        }
        with gateway(tmp_path, port=None, scripts=SCRIPTS, **settings) as started:
            started.volume.put(config_with("here"))
            started.wait_ready()
            with started.client(key=KEY) as client:
                assert client.get("/v1/models").status_code == 200
            assert started.post("/llmrouter/config/reload", key=KEY).status_code == 200
            assert KEY not in started.process.text()


def test_what_decryption_lacks_is_named(tmp_path: Path) -> None:
    """Without a region the gateway ends with 2 and a sentence, where LiteLLM ends with a traceback."""
    with gateway(tmp_path, USE_AWS_KMS="True") as started:
        assert started.process.wait_for_exit(seconds=60) == 2
        assert "USE_AWS_KMS: " in started.process.text()
        assert "AWS_REGION_NAME" in started.process.text()
        assert "Traceback" not in started.process.text()
