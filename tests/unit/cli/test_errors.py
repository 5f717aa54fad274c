"""Bad input is refused in one line that says how to mend it, with exit code 2 and nothing written.

Kind: contract of the command line. Every case runs `fisc.cli.main.main` in this process.
"""

import importlib.util
import os
import subprocess
import sys

import pytest

from fisc.cli.main import main, make_parser
from fisc.records.store import RunFolder
from fisc.scenarios import compare as comparison


@pytest.fixture(autouse=True)
def environment():
    """The command line prepares jax by environment variables, which must not outlive a test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def put(*pairs):
    return [word for pair in pairs for word in ("--set", pair)]


LIST = put("taxes.brackets=list")
CASES = {
    "scenario": (["one-stp"], "unknown scenario 'one-stp': did you mean 'one-step'?"),
    "scenario file": (["nowhere.toml"], "no scenario file nowhere.toml"),
    "key": (["one-step", *put("economy.wrokers=9")], "did you mean 'economy.workers'?"),
    "table": (["one-step", *put("econmy.workers=9")], "unknown key 'econmy': did you mean 'economy'?"),
    "value where a table is": (["one-step", *put("economy=3")], "economy is 3: it must be a table"),
    "key below a value": (["one-step", *put("economy.workers.all=3")], "'workers' is a value, not a table"),
    "no equals sign": (["one-step", "--set", "economy.workers"], "expected key=value"),
    "no key": (["one-step", "--set", "=3"], "expected key=value"),
    "arm": (["one-step", "--arms", "free_market,saes"], "unknown arm 'saes': did you mean 'saez'?"),
    "frontier of another objective": (
        ["one-step", "--frontier", "--objective", "utilitarian"],
        "objective 'utilitarian' has no weight of equality",
    ),
    "frontier without planner": (["one-step", "--frontier", "--arms", "flat"], "put planner among the arms"),
    "no arms": (["one-step", "--arms", ""], "no arms: name at least one"),
    "no arms in the scenario": (["one-step", *put("arms=[]")], "no arms: name at least one"),
    "objective": (["one-step", "--objective", "utilitaran"], "did you mean 'utilitarian'?"),
    "objective by key": (["one-step", *put("objective=utilitaran")], "did you mean 'utilitarian'?"),
    "budget": (["one-step", "--budget", "smok"], "unknown budget 'smok': did you mean 'smoke'?"),
    "budget's name": (["one-step", *put("budgets.huge.updates=3")], "unknown budget 'huge'"),
    "flat rate": (["one-step", *put("taxes.flat_rate=1.5")], "taxes.flat_rate is 1.5"),
    "flat rate in words": (["one-step", *put("taxes.flat_rate=high")], "taxes.flat_rate is 'high'"),
    "rate as a percentage": (
        ["one-step", "--arms", "fixed", *put("taxes.fixed_rates=[0, 0, 0, 0, 0, 0, 37]")],
        "rate 37.0 of bracket 6 is outside [0, 1]",
    ),
    "too few rates": (["one-step", "--arms", "fixed", *put("taxes.fixed_rates=[0.1]")], "got 1 rates, 7 cutoffs"),
    "no rates": (["one-step", "--arms", "fixed"], "arm fixed needs taxes.fixed_rates, 7 rates"),
    "falling cutoffs": (
        ["one-step", "--arms", "planner", *LIST, *put("taxes.cutoffs=[0, 5, 3]")],
        "5.0 is followed by 3.0",
    ),
    "no cutoffs": (["one-step", "--arms", "planner", *LIST], "cutoffs must start at 0"),
    "law on other brackets": (
        ["one-step", "--arms", "us_federal", *LIST, *put("taxes.cutoffs=[0, 5]")],
        "needs taxes.brackets = 'us_federal'",
    ),
    "no seeds": (["one-step", "--seeds", "0"], "give at least one seed"),
    "one seed twice": (["one-step", "--seeds", "1,1"], "only once"),
    "seeds in words": (["one-step", "--seeds", "many"], "--seeds many: expected how many (5) or which (0,3,7)"),
    "year without law": (["us-2024", "--year", "2031"], "no US federal law for year 2031: fisc ships 2013-2026"),
    "year of no country": (["one-step", "--year", "2024"], "scenario one-step has no US wages"),
    "fewer workers than brackets": (["one-step", "--workers", "3"], "economy.workers is 3: "),
    "no workers": (["one-step", "--workers", "0"], "economy.workers is 0: it must be at least 1"),
    "number in words": (["one-step", *put('economy.workers="many"')], "economy.workers is 'many': it must be an int"),
    "half a worker": (["one-step", *put("economy.workers=12.5")], "economy.workers is 12.5: it must be an integer"),
    "no number": (["one-step", *put("economy.labor_cost=nan")], "economy.labor_cost is nan"),
    "no number in a list": (["one-step", *put("economy.skill_list=[nan]")], "economy.skill_list[0] is nan"),
    "income effects with the optimum": (
        ["one-step", "--arms", "optimum", *put("economy.utility=isoelastic")],
        "arm optimum needs exact best responses",
    ),
    "income effects with exact workers": (
        ["one-step", "--arms", "planner", *put("economy.utility=isoelastic", "learning.citizens=best_response")],
        "'best_response' needs exact best responses: set economy.utility to quasi_linear or log_net",
    ),
    "objective twice": (
        ["one-step", "--objective", "utilitarian", *put("objective=rawlsian")],
        "--objective and --set objective=… both set objective: give one of them",
    ),
    "elasticity twice": (
        ["one-step", "--elasticity", "0.5", *put("economy.labor_exponent=5")],
        "--elasticity and --set economy.labor_exponent=…",
    ),
    "workers twice": (["one-step", "--workers", "9", *put("economy.workers=9")], "--workers and --set economy.workers"),
    "year twice": (["us-2024", "--year", "2020", *put("economy.year=2021")], "--year and --set economy.year"),
    "elasticity of a map": (["gtb-open-quadrant", "--elasticity", "0.5"], "has no constant elasticity of income"),
    "unknown economy": (["one-step", *put("economy.kind=one_stop")], "unknown economy.kind 'one_stop': did you mean"),
    "key without its table": (["one-step", *put("flat_rate=0.3")], "'flat_rate': did you mean 'taxes.flat_rate'?"),
    "key without its role": (
        ["one-step", *put("learning.hidden=[8]")],
        "did you mean 'learning.citizen.hidden' or 'learning.planner.hidden'?",
    ),
    "key of another economy": (["gtb-open-quadrant", *put("economy.workers=9")], "unknown key 'economy.workers'"),
    "exact formula on a map": (["gtb-open-quadrant", "--arms", "saez"], "use the arm saez_estimated"),
    "map that is not there": (
        ["gtb-open-quadrant", *put("economy.map.layout=quadrant")],
        "unknown map 'quadrant': did you mean",
    ),
    "events twice": (
        ["gtb-open-quadrant", *put('economy.events=["build", "build"]')],
        "economy.events is ['build', 'build']: it must be some of build, trade, gather, tax, redistribute, each once",
    ),
    "more periods than there are": (
        ["gtb-open-quadrant", *put("learning.periods_per_update=11")],
        "learning.periods_per_update is 11: it must be at most 10",
    ),
    "map of a radius that is not there": (
        ["gtb-open-quadrant", "--arms", "planner", *put('learning.citizen.radius={"map/gold"=1}')],
        "no map is called 'map/gold'",
    ),
    "too many citizens for the corners": (
        ["gtb-open-quadrant", *put("economy.citizens=200")],
        "would start at row 13, column 25, which is water; at most 192 fit into the corners of this map; lower it, or",
    ),
    "taxes without taxes": (
        ["gtb-open-quadrant", *put('economy.events=["build", "gather"]')],
        "economy.events has no 'tax'",
    ),
    "negative elasticity": (["one-step", "--elasticity", "-1"], "--elasticity is -1.0: it must be above 0"),
    "key of a role": (
        ["one-step", *put("learning.citizen.learning_rate=-1")],
        "learning.citizen.learning_rate is -1.0: it must be above 0",
    ),
    "custom tax without a file": (["one-step", "--arms", "mine.py:make"], "arm 'mine.py:make': no file mine.py"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_comparison_that_cannot_work_is_refused_in_one_line(case, tmp_path, monkeypatch, capsys):
    words, expected = CASES[case]
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *words, "--out", "run"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("fisc: error: ")
    assert said.err.count("\n") == 1, "one line"
    assert expected in said.err
    assert said.out == ""
    assert list(tmp_path.iterdir()) == [], "nothing is written"


OTHERS = {
    "solve an unknown scenario": (["solve", "one-stp"], "did you mean 'one-step'?"),
    "solve for a negative seed": (["solve", "one-step", "--seed", "-1"], "--seed is -1"),
    "solve from nowhere": (["solve", "one-step", "--starts", "0"], "--starts is 0"),
    "cite an unknown scenario": (["cite", "us-2042"], "did you mean 'us-2024'?"),
    "train an unknown arm": (["train", "one-step", "--arm", "plannr"], "did you mean 'planner'?"),
    "plot no run": (["plot", "nowhere"], "no run folder at nowhere"),
    "evaluate no run": (["evaluate", "nowhere"], "no run folder at nowhere"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_commands_refuse_in_one_line_too(case, tmp_path, monkeypatch, capsys):
    words, expected = OTHERS[case]
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert expected in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def started(monkeypatch):
    """Comparisons that stop when the folder has been made, as if killed before training."""

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "solve_worlds", stop)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_flag_is_not_guessed_from_its_beginning(tmp_path, monkeypatch, capsys):
    """Contract: who writes --seed 3 means that seed, and --seeds 3 would be three others."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "one-step", "--seed", "3"])
    assert "unrecognized arguments: --seed 3" in capsys.readouterr().err


def test_a_run_folder_in_the_way_is_left_alone(tmp_path, capsys, started):
    words = ["compare", "one-step", "--out", str(tmp_path / "run")]
    assert main(words) == 130
    before = contents(tmp_path)
    capsys.readouterr()
    assert main(words) == 2
    assert "holds a run already: go on with it by --resume" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "other, expected",
    [
        (["--seeds", "2"], "plan.seeds was [0, 1, 2], now [0, 1]"),
        (["--workers", "50"], "plan.scenario.economy.workers was 100, now 50"),
        (["--budget", "smoke"], "plan.budget was 'quick', now 'smoke'"),
        (["--arms", "planner"], "plan.scenario.arms was"),
    ],
)
def test_resuming_with_another_plan_names_the_first_difference(other, expected, tmp_path, capsys, started):
    words = ["compare", "one-step", "--out", str(tmp_path / "run")]
    main(words)
    before = contents(tmp_path)
    capsys.readouterr()
    assert main([*words, *other, "--resume"]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
    assert contents(tmp_path) == before


def test_an_interrupted_run_says_how_to_go_on(tmp_path, capsys, started):
    assert main(["compare", "one-step", "--out", str(tmp_path / "run")]) == 130
    assert "--resume" in capsys.readouterr().err
    assert RunFolder.open(tmp_path / "run").read_json("status.json")["state"] == "stopped"


@pytest.mark.parametrize(
    "source, expected",
    [("", "has no function 'make'"), ("def make(cutoffs): return 3", "must return a fisc.core.tax.TaxSystem")],
)
def test_a_custom_tax_is_tried_before_anything_is_written(source, expected, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(source)
    words = ["compare", "one-step", "--arms", f"{tmp_path}/mine.py:make", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "source, expected",
    [
        ("def make(cutoffs):\n    return 1 / 0\n", ["ZeroDivisionError: division by zero", "line 2"]),
        ("import nothing_of_that_name\n", ["ModuleNotFoundError: No module named", "line 1"]),
        ("def make(cutoffs)\n", ["SyntaxError: expected ':'", "line 1"]),
    ],
    ids=["raises", "imports what is not there", "is not Python"],
)
def test_a_file_of_the_users_own_that_does_not_run_is_one_line_that_says_where(source, expected, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(source)
    words = ["compare", "one-step", "--arms", f"{tmp_path}/mine.py:make", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("fisc: error: ") and said.count("\n") == 1
    assert all(part in said for part in ["mine.py", *expected])
    assert not (tmp_path / "run").exists()


@pytest.fixture
def fails_late(tmp_path, monkeypatch):
    """A file of the user's own whose code is called, and fails, in the midst of a comparison."""
    (tmp_path / "mine.py").write_text("def decide(*_, **__):\n    return 1 / 0\n")
    spec = importlib.util.spec_from_file_location("mine", tmp_path / "mine.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(comparison, "compare", module.decide)


def test_a_fault_in_the_users_own_code_while_it_runs_is_one_line_that_says_where(fails_late, tmp_path, capsys):
    assert main(["compare", "one-step"]) == 2
    said = capsys.readouterr().err
    expected = "line 2: ZeroDivisionError: division by zero (fisc --debug shows the traceback)\n"
    assert said == f"fisc: error: {tmp_path}/mine.py, {expected}"


def test_debug_shows_the_traceback_of_the_users_own_code(fails_late):
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "compare", "one-step"])


def test_a_bug_of_fiscs_own_is_not_called_the_users_fault(monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(comparison, "compare", fail)
    # `fail` stands in this file, which pytest imports as a module: to the command line it is not a user's.
    with pytest.raises(ZeroDivisionError):
        main(["compare", "one-step"])


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda path: path.write_bytes('title = "Größe"'.encode("latin-1")), "is not UTF-8 (byte 11): save it as"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_text("title ="), "is not valid TOML"),
    ],
    ids=["not UTF-8", "a folder", "not TOML"],
)
def test_a_scenario_file_that_cannot_be_read_is_refused_in_one_line(make, expected, tmp_path, capsys):
    make(tmp_path / "mine.toml")
    assert main(["solve", str(tmp_path / "mine.toml")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("fisc: error: ") and said.count("\n") == 1
    assert expected in said


def test_a_flat_rate_that_is_given_needs_no_exact_best_responses():
    # Property: only arms that search do; a rate of 30 % can be played under any preferences.
    overrides = {"economy.utility": "isoelastic", "taxes.flat_rate": 0.3}
    assert comparison.plan("one-step", arms=["flat"], overrides=overrides).scenario.arms == ("flat",)


def test_help_answers_at_once_and_needs_no_jax():
    # Contract: within a second, in processor time: what it takes where nothing else runs. The best of three counts.
    code = (
        "import sys\nfrom fisc.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'jax', 'numpy', 'polars', 'matplotlib'} & set(sys.modules)\nassert not heavy, heavy"
    )
    seconds = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
        assert done.returncode == 0, done.stderr
        assert "fisc compare us-2024" in done.stdout
    assert min(seconds) < 1.0, seconds


def test_what_is_wrong_at_first_sight_is_refused_without_jax(tmp_path):
    # Contract: an unknown scenario, arm, objective or key, no seeds, a folder in the way. In a process of its own: this
    # one has imported everything.
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "something").touch()
    code = (
        "import sys\nfrom fisc.cli.main import main\n"
        "for words in {words!r}: assert main(words) == 2, words\n"
        "heavy = {{'jax', 'scipy', 'matplotlib'}} & set(sys.modules)\nassert not heavy, heavy"
    )
    wrong = [
        ["one-stp"],
        ["one-step", "--arms", "saes"],
        ["one-step", "--objective", "utilitaran"],
        ["one-step", *put("economy.wrokers=9")],
        ["one-step", "--seeds", "0"],
        ["one-step", "--budget", "smok"],
        ["gtb-open-quadrant", "--arms", "optimum"],
        ["one-step", "--out", str(tmp_path / "run")],
    ]
    words = [["compare", *rest] for rest in wrong] + [["plot", "nowhere"], ["evaluate", "nowhere"]]
    done = subprocess.run([sys.executable, "-c", code.format(words=words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("fisc: error: ") == len(words)


@pytest.mark.parametrize("program, library", [("tensorboard", "tensorboardX"), ("wandb", "wandb")])
@pytest.mark.parametrize("command", ["export", "compare"])
def test_without_the_library_for_curves_the_error_says_how_to_get_it(
    command, program, library, tmp_path, monkeypatch, capsys
):
    # Before anything is spent or written.
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.chdir(tmp_path)
    run = RunFolder.create("run")
    for name in ("scenario.toml", "provenance.json"):
        run.write_text(name, "{}")
    flag = {"tensorboard": ["--tensorboard"], "wandb": ["--wandb", "taxes"]}[program]
    assert main(["export", program, "run"] if command == "export" else ["compare", "one-step", *flag]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"pip install 'fisc[{program}]'" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("columns", [65, 82])
def test_help_fits_a_terminal(columns, monkeypatch):
    # Contract: no line is longer than 80 columns; in a narrow terminal text is wrapped and only examples are longer.
    monkeypatch.setenv("COLUMNS", str(columns))
    parser = make_parser()
    (commands,) = (action.choices for action in parser._actions if action.dest == "command")
    for one in (parser, *commands.values()):
        text = one.format_help()
        assert max(map(len, text.splitlines())) <= 80, one.prog
        before_examples = text.partition(one.epilog.partition("\n")[0])[0] if one.epilog else text
        assert max(map(len, before_examples.splitlines())) <= columns, one.prog
