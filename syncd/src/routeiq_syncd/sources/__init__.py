"""Where a configuration comes from: one module for each kind of source, each around one client.

`source` says what every source offers; `file` reads a directory, in passes (`reading`) that draw in modules and data
(`drawing`), and `watch` notices its changes; `s3` reads one object with the client that `aws` makes. A source that
cannot be read answers with a sentence, which is tried again; content that is at fault answers with its problems. Never
here: whether a configuration is right, and when to ask.
"""
