"""Print the hash of code, parameters and versions that the report names."""

from pipeline.files.fingerprint import fingerprint
from pipeline.params import loading


def main() -> None:
    """The command."""
    print(fingerprint(loading.load()))
