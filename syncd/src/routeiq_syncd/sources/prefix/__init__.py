"""The source that is a whole prefix of a store: configuration, includes, modules, prompts and models as one revision.

`store` is what a store has to do and `s3` does it for Amazon S3. `source` decides when the prefix is still and whole,
`taking` fetches what is not at hand, `looking` opens archives. No content of a large file stays in memory, and none is
executed or unpacked to disk.
"""
