"""Where a configuration comes from: a directory, or object stores, with one room for each kind of store.

`source` says what every source offers; `file` reads a directory, in passes (`reading`) that draw in modules and data
(`drawing`), and `watch` notices its changes. `store` says what every object store offers, `stores` has the kinds of
them, `object` is the source that is one object of any, and `prefix/` the source that is all objects below a prefix.
`aws/` is S3, `gcs/` is Google Cloud Storage, and `deadline` ends a body that comes too slowly. A source that cannot be
read answers with a sentence, which is tried again; content that is at fault answers with its problems. Never here:
whether a configuration is right, and when to ask.
"""
