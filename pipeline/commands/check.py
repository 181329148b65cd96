"""Check params.yaml, and do nothing else.

`make reproduce` begins with it, because DVC deletes the outputs of a stage before it runs.
"""

import argparse

from pipeline.params import loading


def main(arguments: list[str]) -> None:
    """The command.

    Raises:
        ValueError: if params.yaml is wrong; one line for each problem.
    """
    parser = argparse.ArgumentParser("python -m pipeline check", description=__doc__)
    parser.parse_args(arguments)
    loading.load()
