"""Whether the user may do what a plan needs, asked of the catalogue before anything is changed.

`check` compares needs with the database, and names for each that is missing the statement that grants it.
"""
