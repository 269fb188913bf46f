"""PURE. The files of a LiteLLM configuration, and whether LiteLLM can use them.

`bundle` holds the files within bounds, `yaml_lines` parses them and remembers lines, `includes` and `modules` find
the files that they draw in, `rules` and `fallbacks` judge them; a fault is a `problem` with its line, made `legible`.
Never here: values of settings in a message, since they can be secrets, and what only LiteLLM itself can find out.
"""
