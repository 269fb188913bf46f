"""The turn of single mode: bring the volume to what the source holds.

`work` is common to every turn, `reconciler` materialises, `memory` keeps what is dealt with, `poller` repeats turns. A
source that cannot be read makes turns rarer, and a refusal or a full disk leaves `current` as it was. No database
enters: a holder's turn (`replication.publisher`) adds it.
"""
