"""Print the hash of code, parameters and versions that the report names."""

import sys

from pipeline.files.fingerprint import fingerprint
from pipeline.params import loading


def main(arguments: list[str]) -> None:
    """The command."""
    if arguments:
        sys.exit("usage: python -m pipeline fingerprint")
    print(fingerprint(loading.load()))
