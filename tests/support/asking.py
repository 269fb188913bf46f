"""Load on a gateway: many clients that ask without a pause, and streams that run across changes."""

import json
import threading
from typing import Self

import httpx

from tests.support.gateway import CHAT, MASTER_KEY, Gateway
from tests.support.waiting import wait_for

SLOW = "  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: x, api_base: '{}'}}}}\n"
"""One more entry of a model list: a model behind the upstream at the URL to fill in."""
THINKING_SECONDS = 0.1  # a test shares two cores with what it tests


class Asking:
    """Clients that ask again and again, at their own pace, and record what fails.

    Each has one keep-alive connection, but for ``fresh`` of them, which open one for every request.
    """

    def __init__(self, asked: Gateway, clients: int, *, fresh: int = 0, key: str = MASTER_KEY) -> None:
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._asked = asked
        self._key = key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number < fresh,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_for("a first answer", lambda: self.answers or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_for_answer(self, answer: str, *, seconds: float = 30) -> None:
        """Wait until a client has got ``answer``."""
        wait_for(f"the answer {answer!r}", lambda: answer in self.answers, seconds=seconds)

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int) -> None:
        """Wait for ``count`` more answers."""
        target = len(self.answers) + count
        wait_for(f"{count} more answers", lambda: len(self.answers) >= target or self.failures)

    def _ask(self, fresh: bool) -> None:  # noqa: FBT001 - an argument of a thread
        headers = {"Connection": "close"} if fresh else {}
        with self._asked.client(key=self._key) as client:
            while not self._stop.is_set():
                try:
                    response = client.post("/v1/chat/completions", json=CHAT, headers=headers)
                    response.raise_for_status()
                    self.answers.append(response.json()["choices"][0]["message"]["content"])
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self._stop.wait(THINKING_SECONDS)


class Streaming:
    """One streamed completion of ``model``, read in a thread of its own."""

    def __init__(self, asked: Gateway, model: str = "slow") -> None:
        self.pieces: list[str] = []
        self._client = asked.client()
        self._body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def wait_begun(self) -> None:
        """Wait for the first piece."""
        wait_for("the stream to begin", lambda: self.pieces)

    def wait_ended(self) -> list[str]:
        """Wait for the end; return the pieces, the last of which is ``[DONE]`` where it came whole."""
        self._thread.join(timeout=60)
        return self.pieces

    def _read(self) -> None:
        try:
            with self._client as client, client.stream("POST", "/v1/chat/completions", json=self._body) as response:
                for line in response.iter_lines():
                    text = line.removeprefix("data: ")
                    if text == "[DONE]":
                        self.pieces.append(text)
                    elif text and (content := json.loads(text)["choices"][0]["delta"].get("content")):
                        self.pieces.append(content)
        except httpx.TransportError as error:
            self.pieces.append(repr(error))
