"""The gateway's parent process: owns the listening socket and the workers, and answers for the whole gateway.

`generations` (pure) decides: it turns `events` into a new `state` and `actions`. `loop` turns signals, messages, links
and deaths into events, and carries the actions out by `processes`, `revisions` (reading and staging), `answer`
(what the gateway says of itself) and `listening` with `adoption` (the socket). A fault of the system, such as a failing
fork, becomes an event; serving goes on. Only a port that somebody else has come to listen on ends the parent.

What never enters: a thread or an event loop, because the parent forks; and a decision outside of `generations`.
"""
