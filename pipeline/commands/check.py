"""Check params.yaml, and do nothing else.

`make reproduce` begins with it, because DVC deletes the outputs of a stage before it runs.
"""

from pipeline.params import loading


def main() -> None:
    """The command."""
    loading.load()
