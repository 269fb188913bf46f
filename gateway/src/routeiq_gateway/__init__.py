"""The gateway: LiteLLM's proxy, which takes new configurations without losing a request.

A parent imports LiteLLM once and forks workers from that clean state, one set for each revision that ``current`` on
the volume points to (:mod:`.parent`). A worker loads its revision, starts LiteLLM and serves (:mod:`.worker`); what
either does with LiteLLM goes through one room (:mod:`.litellm_edge`). They tell each other what they know by messages
and by shared memory (:mod:`.ipc`), and the rest of the world by documents on the volume (:mod:`.volume`).

A revision that cannot be served replaces nothing and is answered with a reason. No failure of the source, of syncd or
of the database ends the gateway. Never in here: a database, a bucket, or a change to a revision.
"""
