"""The rules, without input or output: every function here is pure."""
