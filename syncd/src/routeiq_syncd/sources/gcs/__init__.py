"""Objects in Google Cloud Storage, by its JSON API. Only a process that asks such a store imports google-auth.

`store` asks for objects; `client` has the connections and the credentials; `faults` has a sentence for each fault. Only
`store` is imported by other rooms. Never here: what an object is for.
"""
