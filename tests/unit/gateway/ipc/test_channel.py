"""Messages between the parent and a worker."""

from routeiq_gateway.ipc.channel import Channel


def test_messages_arrive_whole_and_in_order() -> None:
    """However the bytes are cut, each message arrives once, and the end of the peer shows."""
    ours, theirs = Channel.pair()
    ours.send("one", number=1)
    ours.send("two", text="x" * 2000)
    assert [message["kind"] for message in theirs.receive()] == ["one", "two"]
    ours.close()
    assert theirs.receive() == []
    assert theirs.closed


def test_sending_to_nobody_is_no_error() -> None:
    """The peer may die at any moment; the sender learns it and goes on."""
    ours, theirs = Channel.pair()
    theirs.close()
    ours.send("anything")
    assert ours.closed


def test_a_peer_that_reads_nothing_does_not_block() -> None:
    """A worker that hangs cannot hang the parent."""
    ours, _theirs = Channel.pair()
    for _ in range(10_000):
        ours.send("anything", text="x" * 100)
    assert ours.closed
