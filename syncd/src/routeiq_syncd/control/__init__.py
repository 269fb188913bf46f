"""Who asks: people and gateways, on the command line, over HTTP and over the control socket.

`arguments` is the command line, `commands` asks a running syncd through `client`, `server` answers, `fleet_history`
reads the database for it, `tables` writes for people. A silent database makes an answer late and never a loop. Nothing
here changes a revision; the one command asks for a turn.
"""
