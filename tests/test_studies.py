import math
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_allclose
from ruamel.yaml import YAML

from pipeline import demo, files, params, studies

ROOT = Path(__file__).parents[1]
Record = dict[str, Any]

# Quantiles 0.975 as in printed tables: of Student's t by degrees of freedom, of the normal.
STUDENT = {1: 12.706205, 2: 4.302653, 4: 2.776445}
NORMAL = 1.959964

# The few steps between numbers of order one, in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12}
# Quantiles in seven digits.
PRINTED: dict[str, Any] = {"rtol": 1e-6}


def point(batch: int, excess: float) -> Record:
    row = {"batch": batch, "excess": excess, "excess_se": 9.0}
    return row | {"excess_per_character": 10 * excess, "excess_per_character_se": 9.0}


# Four networks at two points.
CURVES = [
    [point(0, 1.0), point(7, 0.3)],
    [point(0, 1.5), point(7, 0.1)],
    [point(0, 1.2), point(7, 0.6)],
    [point(0, 1.2), point(7, 0.2)],
]


def test_the_summary_is_of_the_last_points():
    row = studies.summary(CURVES)
    assert (row["batches"], row["seeds"]) == (7, 4)
    # 0.3, 0.1, 0.6 and 0.2: the mean is 0.3, the median 0.25, and the variance
    # (0 + 0.04 + 0.09 + 0.01) / 3.
    for name, factor in (("excess", 1), ("excess_per_character", 10)):
        assert_allclose(row[name], 0.3 * factor, **DOUBLE)
        error = math.sqrt(0.14 / 3) / math.sqrt(4)
        assert_allclose(row[f"{name}_se"], error * factor, **DOUBLE)
        assert_allclose(row[f"{name}_median"], 0.25 * factor, **DOUBLE)
        assert_allclose(row[f"{name}_best"], 0.1 * factor, **DOUBLE)
        assert_allclose(row[f"{name}_worst"], 0.6 * factor, **DOUBLE)


def test_over_seeds_has_mean_median_and_range_at_each_point():
    first, last = studies.over_seeds(CURVES)
    assert (first["batch"], first["seeds"]) == (0, 4)
    assert (first["lowest"], first["highest"]) == (1.0, 1.5)
    assert_allclose(first["excess"], 1.225, **DOUBLE)
    assert_allclose(first["median"], 1.2, **DOUBLE)
    assert (last["batch"], last["lowest"], last["highest"]) == (7, 0.1, 0.6)
    assert_allclose(last["excess"], 0.3, **DOUBLE)
    assert_allclose(last["median"], 0.25, **DOUBLE)


def only_1(gaps: list[float]) -> list[Record]:
    """Of one network: how far p(symbol 1) is from the exact one, step by step."""
    return [{"only_1_network": 0.5 + gap, "only_1_exact": 0.5} for gap in gaps]


# Periods of four characters; at the resets, steps 0, 4 and 8, there is nothing to react to.
FASTER = [9, 0.1, 0.3, 0.2, 9, 0.0, 0.1, 0.4, 9, 0.2]
SLOWER = [9, 0.1, 0.0, 0.1, 9, 0.1, 0.1, 0.0, 9, 0.4]


def test_a_reaction_is_the_rise_since_the_reset():
    row = studies.reaction([only_1(FASTER), only_1(SLOWER)], 4)
    assert row["faster"] == 1
    # Rises 0.2, 0.1; 0.1, 0.4, on average 0.2; and -0.1, 0; 0, -0.1, on average -0.05.
    # Starts 0.1, 0, 0.2, on average 0.1; and 0.1, 0.1, 0.4, on average 0.2.
    for name, mean, gap in (("reaction", 0.075, 0.25), ("start", 0.15, 0.1)):
        assert_allclose(row[name], mean, rtol=1e-9)
        # Two values: s = gap / sqrt(2), divided by sqrt(2).
        half = STUDENT[1] * gap / 2
        assert_allclose(row[f"{name}_low"], mean - half, **PRINTED)
        assert_allclose(row[f"{name}_high"], mean + half, **PRINTED)


def test_a_period_of_one_symbol_has_no_reaction():
    # With resets at every other step.
    row = studies.reaction([only_1([9, 0.1, 9, 0.3]), only_1([9, 0.0, 9, 0.2])], 2)
    assert math.isnan(row["reaction"])
    assert math.isnan(row["reaction_low"])
    assert row["faster"] == 0
    assert_allclose(row["start"], 0.15, rtol=1e-9)


def at_step(step: int, difference: float, error: float, network: float = 0.5) -> Record:
    return {
        "step": step,
        "network": network,
        "network_se": 9.0,
        "exact": 0.25,
        "difference": difference,
        "difference_se": error,
        "cumulated": 10 * difference,
        "cumulated_se": 10 * error,
        "only_1_network": network / 2,
        "only_1_exact": 0.125,
    }


@pytest.mark.parametrize(
    "differences", [(0.1, 0.4), (0.3, 0.1, 0.5), (0.2, 0.2, 0.7, 0.4, -0.1)], ids=len
)
def test_the_interval_has_both_sources_of_chance(differences):
    networks = [[at_step(0, value, 0.02 * value**2)] for value in differences]
    (row,) = studies.with_intervals(networks)
    count = len(differences)
    assert (row["step"], row["seeds"]) == (0, count)
    mean = statistics.fmean(differences)
    # Which networks: Student's t with a degree of freedom less than there are.
    trained = STUDENT[count - 1] * statistics.stdev(differences) / math.sqrt(count)
    # Which sequences: the same for all, so that more networks do not average it out.
    drawn = NORMAL * statistics.fmean(0.02 * value**2 for value in differences)
    half = math.sqrt(trained**2 + drawn**2)
    for name, factor in (("difference", 1), ("cumulated", 10)):
        assert_allclose(row[name], factor * mean, **DOUBLE)
        assert_allclose(row[f"{name}_low"], factor * (mean - half), **PRINTED)
        assert_allclose(row[f"{name}_high"], factor * (mean + half), **PRINTED)


def test_equal_networks_leave_the_chance_of_the_sequences():
    (row,) = studies.with_intervals([[at_step(0, 0.3, 0.01)]] * 3)
    assert_allclose(row["difference_high"] - 0.3, NORMAL * 0.01, **PRINTED)
    assert_allclose(0.3 - row["difference_low"], NORMAL * 0.01, **PRINTED)


def test_intervals_carry_the_means_of_each_step():
    networks = [
        [at_step(0, 0.1, 0.01, network=0.2), at_step(1, 0.3, 0.01, network=0.6)],
        [at_step(0, 0.1, 0.01, network=0.4), at_step(1, 0.3, 0.01, network=0.8)],
    ]
    first, second = studies.with_intervals(networks)
    assert [row["step"] for row in (first, second)] == [0, 1]
    for row, network in ((first, 0.3), (second, 0.7)):
        assert_allclose(row["network"], network, **DOUBLE)
        assert row["exact"] == 0.25


@pytest.fixture
def project(tmp_path, monkeypatch) -> params.Params:
    """Parameters and the studies' files in the current folder, an empty one."""
    monkeypatch.chdir(tmp_path)
    yaml = YAML()  # keeps the order of models and priors
    settings = yaml.load(ROOT / params.FILE)
    memory = {"units": [2, 4], "reset_every": [3, 5]}
    demo.merge(settings, {"studies": {"repetitions": [2, 5], "memory": memory}})
    for name in ("M2", "M4"):
        del settings["meta"]["models"][name]
    yaml.dump(settings, params.FILE)
    for number, name in ((1, "M1"), (3, "M3")):
        for factor, recipe in enumerate(("published", "tuned", "converged"), 1):
            for repetition in (2, 5):
                # Each file has numbers of its own.
                excess = number + factor / 10 + repetition / 100
                files.write_csv(
                    files.study_curve(name, recipe, repetition),
                    [point(0, 9.0), point(7, excess)],
                )
                files.write_csv(
                    files.study_regret(name, recipe, repetition),
                    [at_step(step, excess, 0.01) for step in (0, 1, 2)],
                )
    for prior in ("biased", "balanced"):
        for period in (3, 5):
            rows = [{"prior": prior, "reset_every": period, "units": n} for n in (2, 4)]
            files.write_csv(files.study_memory(prior, period), rows)
    return params.load()


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.studies", *arguments],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_collect_makes_the_four_tables_of_all_runs(project):
    studies.collect(project)
    recipes = {(row["model"], row["recipe"]): row for row in files.read_csv(files.RECIPES)}
    keys = [
        (name, recipe)
        for name in ("M1", "M3")
        for recipe in ("published", "tuned", "converged")
    ]
    assert list(recipes) == keys
    # Means over the repetitions 2 and 5, written with six digits.
    assert_allclose(recipes["M1", "published"]["excess"], 1.135, rtol=1e-5)
    assert_allclose(recipes["M3", "converged"]["excess"], 3.335, rtol=1e-5)
    assert recipes["M3", "tuned"]["excess_worst"] == 3.25
    # What the runs were made with.
    row = recipes["M3", "tuned"]
    optimiser = project.meta.optimiser.tuned
    assert (row["sequences"], row["reset_every"], row["alpha"]) == (
        project.studies.sequences,
        project.meta.models["M3"].reset_every,
        "(1.3 1.3 1.3)",
    )
    assert (row["peak_rate"], row["schedule"], row["clip_norm"]) == (
        optimiser.peak_rate,
        optimiser.schedule,
        optimiser.clip_norm,
    )
    # The steps 1 and 2 of a period of five have the same gap.
    assert (row["reaction"], row["start"]) == (0, 0.125)

    excess = files.read_csv(files.EXCESS)
    assert [(row["model"], row["recipe"]) for row in excess[::2]] == keys
    assert [row["batch"] for row in excess] == [0, 7] * 6
    assert (excess[1]["lowest"], excess[1]["highest"]) == (1.12, 1.15)

    regret = files.read_csv(files.REGRET)
    assert [(row["model"], row["recipe"]) for row in regret[::3]] == keys
    assert [row["step"] for row in regret] == [0, 1, 2] * 6
    assert_allclose(regret[0]["difference"], 1.135, rtol=1e-5)

    memory = files.read_csv(files.MEMORY)
    assert [(row["prior"], row["reset_every"], row["units"]) for row in memory] == [
        (prior, period, units)
        for prior in ("biased", "balanced")
        for period in (3, 5)
        for units in (2, 4)
    ]


def test_the_command_writes_what_collect_writes(project):
    tables = (files.RECIPES, files.EXCESS, files.REGRET, files.MEMORY)
    studies.collect(project)
    collected = {path: path.read_bytes() for path in tables}
    for path in tables:
        path.unlink()
    ran = run()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert {path: path.read_bytes() for path in tables} == collected


@pytest.mark.parametrize(
    "path",
    [
        files.study_curve("M3", "converged", 5),
        files.study_regret("M1", "tuned", 2),
        files.study_memory("balanced", 5),
    ],
    ids=str,
)
def test_a_missing_run_is_named_in_one_line_and_nothing_is_written(
    project, monkeypatch, path
):
    path.unlink()
    monkeypatch.setattr(sys, "argv", ["studies"])
    with pytest.raises(SystemExit) as ended:
        studies.main()
    assert ended.value.code == f"error: {path}: not found; run `make studies`"
    # Tables of different runs must not stand side by side.
    assert not files.META_REPORTS.exists()


def test_the_command_fails_without_a_traceback(project):
    files.study_memory("biased", 3).unlink()
    ran = run()
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr == (
        "error: studies/memory/biased-3.csv: not found; run `make studies`\n"
    )


def test_bad_parameters_are_a_line_each(project, monkeypatch):
    settings = YAML(typ="safe", pure=True).load(params.FILE)
    settings["seed"] = -1
    settings["studies"]["repetitions"] = [1]
    YAML(typ="safe").dump(settings, params.FILE)
    monkeypatch.setattr(sys, "argv", ["studies"])
    with pytest.raises(SystemExit) as ended:
        studies.main()
    first, second = str(ended.value).splitlines()
    assert first.startswith("error: params.yaml: seed: got -1; allowed: ")
    assert second.startswith("error: params.yaml: studies.repetitions: got [1]; allowed: ")


def test_an_argument_is_a_usage_error(project):
    ran = run("M1")
    assert ran.returncode == 1
    assert ran.stderr == "usage: python -m pipeline.studies\n"
    assert not files.META_REPORTS.exists()
