"""Work that LiteLLM and its clients do anew for every request, done for less.

Each saving takes the place of one name and gives the same results; a case that it does not know goes to the function
it replaced. :mod:`.table` lists the savings and puts them in their places, :mod:`.of_litellm` and :mod:`.of_clients`
hold them. ``tests/integration/gateway/litellm_edge/savings`` compares each with what it replaces; ``bench.parts``
measures what it brings. ``ROUTEIQ_SAVINGS=false`` leaves all out. Never in here: a change of what LiteLLM does.
"""
