"""One worker: the process that serves LiteLLM on one revision.

:mod:`.worker` starts LiteLLM, on what :mod:`.start` has examined, and obeys the parent; :mod:`.server` accepts
connections and drains them; :mod:`.front` stands between that server and LiteLLM, with the gateway's own
:mod:`.routes`, and :mod:`.placeholder` in LiteLLM's place where there is no configuration. A start that fails is told
to the parent as ``refused`` with a reason; a worker whose parent dies serves on (:mod:`.orphan`). Never in here:
LiteLLM's names, or a choice of what is served.
"""
