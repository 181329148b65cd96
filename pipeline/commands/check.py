"""Check params.yaml; say which stages `dvc repro` would run, and how long they took here.

`make reproduce` begins with it. It changes nothing.
"""

from pathlib import Path

from pipeline import paths
from pipeline.params import loading
from pipeline.runtime.process import first_line


def main() -> None:
    """The command."""
    loading.load()
    print(f"{loading.FILE} is right; {plan() if Path('.dvc').exists() else 'there is no .dvc'}")


def plan() -> str:
    """What would run: the stages that have changed, and all that depend on them."""
    from dvc.exceptions import DvcException  # costs half a second
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            graph = repo.index.graph  # from a stage to those that it depends on
            changed = repo.status(targets=["dvc.yaml"])
            # What `check` writes never changes.
            changed.pop("check", None)
            stages = [stage for stage in graph if stage.addressing in changed]
            for stage in stages:  # it grows by those that need one of them
                stages += [later for later in graph.predecessors(stage) if later not in stages]
            order = [stage.name for stage in repo.index.stages if stage in stages]
    except (DvcException, LockError) as error:
        return f"what would run is not known: {first_line(error)}"
    return describe(order)


def describe(stages: list[str]) -> str:
    """Names, and the sum of the seconds that their last runs took."""
    if not stages:
        return "every result is up to date"
    seconds, unknown = 0.0, []
    for name in stages:
        try:
            seconds += float((paths.SECONDS / name.replace("@", "-")).read_text())
        except (OSError, ValueError):  # it never ran here, or was stopped while it wrote
            unknown.append(name)
    took = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    known = f": about {took} here" if len(unknown) < len(stages) else ""
    other = f", and {', '.join(unknown)}, which never ran here" if known and unknown else ""
    return f"would run {', '.join(stages)}{known}{other}"
