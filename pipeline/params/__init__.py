"""params.yaml, checked."""
