"""One content everywhere: a holder publishes, and every replica follows.

`publisher` records a revision under the lease's fence, `follower` brings the newest one to its own volume, `pointed`
fetches content that is too large for a row, `replica_row` tells the fleet what this replica has. Without the database
the volume stays as it is. Who is the holder is decided elsewhere (`election`).
"""
