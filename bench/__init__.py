"""The benchmark against stock LiteLLM."""
