"""Pure rules of the gateway: no clock, no file, no client; every instant is an argument."""
