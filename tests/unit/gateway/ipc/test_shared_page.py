"""The memory that the parent writes and every worker reads."""

import multiprocessing
from typing import Any

import pytest

from routeiq_gateway.ipc.shared_page import HALF, SharedPage


def read_page(page: SharedPage, results: Any) -> None:
    """Read until the last content, in another process; report whether each content was whole."""
    while (content := page.read()).get("number") != "last":
        if content and content["text"] != "x" * content["number"]:
            results.put(content)
            return
    results.put("whole")


def test_a_reader_of_the_page_sees_whole_contents() -> None:
    """A process that reads while this process writes never sees half of a content."""
    page = SharedPage()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    reader = context.Process(target=read_page, args=(page, results))
    reader.start()
    for number in range(20_000):
        page.write({"number": number % 5000, "text": "x" * (number % 5000)})
    page.write({"number": "last"})
    assert results.get(timeout=30) == "whole"
    reader.join()


def test_a_writer_that_dies_in_a_write_leaves_the_last_content() -> None:
    """When a killed parent leaves a half-written content, its workers go on reading the last whole content."""
    page = SharedPage()
    page.write({"number": 1})
    page.write({"number": 2})
    other = 1 - page._memory[0]  # noqa: SLF001 - a write that stops half-way cannot be had from outside
    page._memory[1 + other * HALF : 1 + other * HALF + 100] = b"\xff" * 100  # noqa: SLF001 - as above
    assert page.read() == {"number": 2}


def test_the_page_refuses_what_does_not_fit() -> None:
    """A content larger than the page is an error, not a torn page."""
    page = SharedPage()
    with pytest.raises(ValueError, match="the shared page holds"):
        page.write({"text": "x" * HALF})
    assert page.read() == {}
