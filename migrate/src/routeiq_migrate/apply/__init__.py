"""Applies a plan: each migration in one transaction that holds its ledger row and its script.

`apply` runs the steps, `permission` finds what could destroy data and asks whether it was allowed, `adopt` settles
rows that a crash of Prisma left. A statement that fails takes its migration back, and its reason is told with advice.
What is to be done is decided in `plan`, never here.
"""
