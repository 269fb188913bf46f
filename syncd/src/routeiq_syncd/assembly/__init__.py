"""Builds a syncd and runs it: the commands that write a volume.

`parts` opens what both modes need, `single` and `leader_election` put the loops of one mode together, `run` runs them
until a signal, `once` takes one turn or checks a file. A loop that dies ends the process, whose supervisor starts it
again. No rule and no I/O of its own enters: this room alone knows every other, and no other room knows it.
"""
