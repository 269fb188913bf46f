"""What stands between a fork and ``ready``: whether LiteLLM starts on a configuration, and may serve it.

:mod:`.examination` checks a configuration before, while and after LiteLLM starts on it, and :mod:`.database` whether
LiteLLM's database is there; each failure is a :mod:`.refusal`, and :mod:`.held_output` holds what LiteLLM prints
meanwhile. Never in here: connections, messages to the parent.
"""
