"""What messages say of a configuration: reasons that quote no secret, with the operator's own file, line and key.

:mod:`.reasons` words and bounds them, :mod:`.lines` and :mod:`.naming` find what the operator calls a part of the
configuration, and :mod:`.failed_start` says why LiteLLM did not start on it. Never in here: a decision.
"""
