"""Pure rules over a configuration: parse it, apply overrides, keep its secrets out of every message.

A configuration that cannot be used is a ``BadRevisionError``, an override a ``BadOverrideError``; their messages, and
the reasons that :mod:`.telling` and :mod:`.redact` make, quote no secret. Never in here: files, clocks, sockets, logs
and randomness; ``.importlinter`` forbids the modules for these.
"""
