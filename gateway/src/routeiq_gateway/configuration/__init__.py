"""Pure rules over a configuration: parse it, apply overrides, keep its secrets out of every message.

A configuration that cannot be used is a ``BadRevisionError``, an override a ``BadOverrideError``; their messages, and
the reasons that :mod:`.reasons` and :mod:`.redact` make, quote no secret. :mod:`.naming` gives them lines, and the
operator's names of files. Never in here: files, clocks, sockets, logs and randomness; ``.importlinter`` forbids the
modules for these.
"""
