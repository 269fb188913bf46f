"""A secret, and pydantic's refusal that quotes a part of it."""

import pytest
from pydantic import BaseModel, ValidationError

SECRET = "sk-5a1b2c3d4e5f60718293a4b5c6d7e8f9-0f1e2d3c4b5a69788796"


class Credential(BaseModel):
    """A model that refuses what is no mapping, and quotes it."""

    values: dict[str, str]


def refusal(secret: object = SECRET) -> ValidationError:
    """Return pydantic's refusal of a secret."""
    with pytest.raises(ValidationError) as caught:
        Credential.model_validate({"values": secret})
    return caught.value
