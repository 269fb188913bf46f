"""Objects in S3 and in what speaks its API, with botocore, whose memory only a process that asks such a store pays for.

`store` asks for objects; `client` makes the client as any AWS client is set up; `faults` has a sentence for each fault.
Only `store` is imported by other rooms. Never here: what an object is for.
"""
