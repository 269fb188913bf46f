"""What may stand in a bundle that comes from a bucket: its names, its index, and what its files do when loaded.

Pure. `names` turns the keys of a store into the paths of a tree, `index` is the document that says which files make
one revision, `kinds` tells by content what would execute. No store, no disk and no setting enters.
"""
