"""The clients that one user holds to one proxy."""

from functools import cached_property
from types import TracebackType
from typing import Self

import httpx
from anthropic import Anthropic
from openai import OpenAI

from tests.support.gateway import MASTER_KEY

PATIENCE = 60


class Connections:
    """Clients of the proxy whose root is the URL ``base``; each is made at its first use, and never tries again."""

    def __init__(self, base: str) -> None:
        self.base = base

    @cached_property
    def openai(self) -> OpenAI:
        """OpenAI's own client."""
        return OpenAI(base_url=f"{self.base}/v1", api_key=MASTER_KEY, max_retries=0, timeout=PATIENCE)

    @cached_property
    def anthropic(self) -> Anthropic:
        """Anthropic's own client."""
        return Anthropic(base_url=self.base, api_key=MASTER_KEY, max_retries=0, timeout=PATIENCE)

    @cached_property
    def anthropic_through(self) -> Anthropic:
        """Anthropic's own client, on the pass-through route."""
        headers = {"Authorization": f"Bearer {MASTER_KEY}"}
        base = f"{self.base}/anthropic"
        return Anthropic(base_url=base, api_key="unused", default_headers=headers, max_retries=0, timeout=PATIENCE)

    @cached_property
    def openai_through(self) -> OpenAI:
        """OpenAI's own client, on the pass-through route."""
        return OpenAI(base_url=f"{self.base}/openai_passthrough", api_key=MASTER_KEY, max_retries=0, timeout=PATIENCE)

    @cached_property
    def http(self) -> httpx.Client:
        """A client without an API of its own."""
        return httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {MASTER_KEY}"}, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in ("openai", "anthropic", "anthropic_through", "openai_through", "http"):
            if name in vars(self):
                vars(self)[name].close()
