"""Workflows of GitHub Actions, rehearsed: what runs and how it ends when commands fail, as GitHub documents it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lib.delivery.workflow import read_workflow, schema_faults
from lib.delivery.workflow_expressions import evaluate, fill, holds
from lib.delivery.workflow_run import Event, rehearse, run_workflow, starts
from lib.delivery.workflow_shell import rehearsal_shell
from lib.errors import WorkflowError

# cd.yml calls ci.yml, which nobody sees who reads one text; it is run whole in tests/test_container.py.
OURS = [path for path in sorted((Path(__file__).parents[2] / ".github/workflows").glob("*.yml")) if path.stem != "cd"]


def flow(jobs: dict, **rest) -> str:
    """A workflow of some jobs, each given as its settings without runs-on."""
    described = {name: {"runs-on": "ubuntu-latest", **job} for name, job in jobs.items()}
    return yaml.safe_dump({"on": "push", **rest, "jobs": described})


def job(*scripts: str, **settings) -> dict:
    """A job whose steps run these scripts."""
    return {"steps": [{"run": script} for script in scripts], **settings}


def ended(text: str, *, failing: tuple[str, ...] = (), event: Event | None = None, **more):
    """How each job ended, by id."""
    run = run_workflow(read_workflow(text), event, failing=failing, **more)
    return {name: end.result for name, end in run.jobs.items()} | {"run": run.conclusion}


@pytest.mark.parametrize(
    ("script", "shell", "code"),
    [
        ("make test", None, 1),
        ("make test || true", None, 0),
        ("make test | tee report", None, 0),
        ("make test | tee report", "bash", 1),
        ("make test | tee report", "sh", 0),
        ("set -o pipefail\nmake test | tee report", None, 1),
        ("make test\nmake image", None, 1),
        ("make test; make image", None, 1),
        ("make test; make image", "bash {0}", 0),
        ("set +e\nmake test\nmake image", None, 0),
        ("if make test; then make image; fi", None, 0),
        ("! make test", None, 0),
        ("make test & wait", None, 0),
        ("make test & wait $!", None, 1),
        ("timeout 9m make test", None, 1),
        ("env A=b make -j2 lint test", None, 1),
        ("make -i test", None, 0),
        ("make -n test", None, 0),
        ("make -C shop test", None, 1),
        ("bash -c 'make test'", None, 1),
        ("scripts/all.sh && make test", None, 1),
        ("exec make test", None, 1),
        ("make retest", None, 0),
        ("echo make test", None, 0),
        ("out=$(make test)", None, 1),
        ("trap 'exit 0' EXIT\nmake test", None, 0),
    ],
)
def test_a_script_ends_as_it_does_in_the_shell_of_the_step(script, shell, code):
    """`make test` fails; whether the step does is the shell's business, and it is a real one."""
    with rehearsal_shell(failing=["make test"]) as place:
        assert place.run(script, shell=shell, environment={}).code == code


def test_a_script_reaches_nothing_outside():
    """No program of the machine runs, home is the rehearsal's own, and what was called and printed is noted."""
    with rehearsal_shell() as place:
        ran = place.run("git push origin main\nrm -rf ~/all\necho $HOME $WHO", shell=None, environment={"WHO": "rita"})
    assert ran.commands == ("git push origin main", f"rm -rf {ran.printed.split()[0]}/all")
    assert "rehearsal-" in ran.printed
    assert ran.printed.endswith("rita\n")


def test_a_script_that_does_not_end_is_stopped(monkeypatch):
    """Its step fails; the rehearsal goes on."""
    monkeypatch.setattr("lib.delivery.workflow_shell.LIMIT_S", 0.3)
    with rehearsal_shell() as place:
        assert place.run("while :; do :; done", shell=None, environment={}).code == 124


def test_another_language_is_refused():
    """What cannot be rehearsed is said, not guessed."""
    with rehearsal_shell() as place, pytest.raises(WorkflowError, match="shell: python cannot be rehearsed"):
        place.run("print(1)", shell="python", environment={})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("github.event_name == 'push' && github.ref == 'refs/heads/main'", True),
        ("github.EVENT_NAME != 'PUSH'", False),
        ("!contains(github.ref, 'tags') || false", True),
        ("github.missing.deeper == null", True),
        ("'' == 0", True),
        ("'abc' == 0", False),
        ("'2' < 10", True),
        ("true && 'yes' || 'no'", "yes"),
        ("github['event_name']", "push"),
        ("contains(fromJSON('[\"a\", \"b\"]'), 'B')", True),
        ("format('{0}-{{1}}', 'x')", "x-{1}"),
        ("join(needs.*.result, ' ')", "success failure"),
        ("contains(needs.*.result, 'failure')", True),
        ("startsWith('Main', 'mA') && endsWith('file.YML', '.yml')", True),
        ("0x1F == 31", True),
        ("'it''s'", "it's"),
    ],
)
def test_expressions_have_github_s_values(expression, value):
    """Coercion, case and the functions are those of its documentation."""
    contexts = {
        "github": {"event_name": "push", "ref": "refs/heads/main"},
        "needs": {"a": {"result": "success"}, "b": {"result": "failure"}},
    }
    assert evaluate(expression, contexts) == value


@pytest.mark.parametrize("expression", ['"double"', "github.", "nobody.there", "always(", "launch()", "1 2", "a &&"])
def test_an_expression_that_github_refuses_is_refused(expression):
    """With the expression and the reason."""
    with pytest.raises(WorkflowError, match="GitHub would refuse the file"):
        evaluate(expression, {"github": {}, "a": 1})


def test_an_if_asks_for_success_unless_it_asks_for_a_status():
    """And a text around an expression makes it a text, which is true: a famous trap."""
    failed = {"success": lambda: False, "failure": lambda: True, "always": lambda: True, "cancelled": lambda: False}
    assert not holds("true", {}, failed)
    assert holds("always() && true", {}, failed)
    assert holds("${{ failure() }}", {}, failed)
    assert not holds("${{ !failure() }}", {}, failed)
    good = {**failed, "success": lambda: True}
    assert holds("${{ github.ref }} == 'nowhere'", {"github": {"ref": "refs/heads/main"}}, good)
    assert not holds(False, {}, good)


def test_a_whole_expression_keeps_its_type():
    """Inside a text it is written out."""
    assert fill(["${{ 1 == 1 }}", "a ${{ null }}b"], {}) == [True, "a b"]


def test_a_job_waits_for_those_it_needs_and_is_skipped_with_them():
    """Without needs it runs beside them; skipped is handed on."""
    text = flow({"test": job("make test"), "a": job("make a", needs="test"), "b": job("make b", needs=["a"]),
                 "free": job("make free")})  # fmt: skip
    assert ended(text) == {"test": "success", "a": "success", "b": "success", "free": "success", "run": "success"}
    assert ended(text, failing=("make test",)) == {
        "test": "failure", "a": "skipped", "b": "skipped", "free": "success", "run": "failure",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("always()", "success"),
        ("failure()", "success"),
        ("success()", "skipped"),
        ("needs.test.result == 'failure'", "skipped"),
        ("always() && needs.test.result == 'success'", "skipped"),
        ("${{ always() && needs.test.result == 'failure' }}", "success"),
        ("github.event_name == 'push'", "skipped"),
    ],
)
def test_the_if_of_a_job_decides_after_a_failure(condition, result):
    """`make test` fails in the job that it needs."""
    text = flow({"test": job("make test"), "next": job("make next", needs="test", **{"if": condition})})
    assert ended(text, failing=("make test",))["next"] == result


def test_a_skipped_job_in_between_skips_what_comes_after_unless_it_says_always():
    """Status functions ask all ancestors: here a is skipped, b runs all the same, c needs b alone."""
    text = flow({
        "a": job("make a", **{"if": "false"}),
        "b": job("make b", needs="a", **{"if": "always()"}),
        "c": job("make c", needs="b"),
    })  # fmt: skip
    assert ended(text) == {"a": "skipped", "b": "success", "c": "skipped", "run": "success"}


def test_a_job_that_may_fail_counts_as_a_success():
    """For the run, and for the jobs that need it."""
    text = flow({"test": job("make test", **{"continue-on-error": True}), "next": job("make next", needs="test")})
    assert ended(text, failing=("make test",)) == {"test": "failure", "next": "success", "run": "success"}


def test_a_step_that_may_fail_leaves_its_outcome_behind():
    """The conclusion is success, the outcome is not, and later steps can ask."""
    steps = [
        {"run": "make test", "id": "test", "continue-on-error": True},
        {"run": "exit 1", "if": "steps.test.outcome == 'failure'"},
        {"run": "make report", "if": "failure()"},
        {"run": "make more"},
    ]
    run = run_workflow(read_workflow(flow({"one": {"steps": steps}})), failing=["make test"])
    assert [(step.outcome, step.conclusion) for step in run.jobs["one"].steps] == [
        ("failure", "success"), ("failure", "failure"), ("success", "success"), ("skipped", "skipped"),
    ]  # fmt: skip
    assert run.commands == ("make test", "make report")


def test_outputs_variables_and_matrices_travel():
    """From a script to later steps and jobs, and a run for each combination."""
    matrix = {"python": [3.11, 3.12], "exclude": [{"python": 3.11}], "include": [{"python": 3.14}]}
    name = 'echo "tag=v-${GITHUB_SHA:0:4}" >> "$GITHUB_OUTPUT"\necho "WHO=rita" >> "$GITHUB_ENV"'
    text = flow({
        "a": job("make test PYTHON=${{ matrix.python }}", strategy={"matrix": matrix}),
        "b": {
            "outputs": {"tag": "${{ steps.name.outputs.tag }}"},
            "steps": [{"id": "name", "run": name}, {"run": "make greet $WHO ${{ env.WHO }}"}],
        },
        "c": job("make deploy ${{ needs.b.outputs.tag }}", needs="b"),
    })  # fmt: skip
    assert run_workflow(read_workflow(text)).commands == (
        "make test PYTHON=3.12", "make test PYTHON=3.14", "make greet rita rita", "make deploy v-4f1d",
    )  # fmt: skip


def test_a_title_is_a_script_where_an_expression_puts_it_there():
    """GitHub fills expressions in before the shell reads; as a variable the same text is harmless."""
    title = "x$(make pwned)"
    direct = flow({"one": job('echo "${{ github.event.head_commit.message }}"')})
    handed = flow({"one": job('echo "$TITLE"', env={"TITLE": "${{ github.event.head_commit.message }}"})})
    event = Event(title=title)
    assert run_workflow(read_workflow(direct), event).commands == ("make pwned",)
    assert run_workflow(read_workflow(handed), event).commands == ()


@pytest.mark.parametrize(
    ("on", "event", "started"),
    [
        ("push", Event("push", "idea"), True),
        ("push", Event("pull_request"), False),
        (["push", "pull_request"], Event("pull_request"), True),
        ({"push": {"branches": ["main"]}}, Event("push", "idea"), False),
        ({"push": {"branches": ["rel/*"]}}, Event("push", "rel/1/2"), False),
        ({"push": {"branches": ["rel/**"]}}, Event("push", "rel/1/2"), True),
        ({"push": {"branches": ["**", "!idea"]}}, Event("push", "idea"), False),
        ({"push": {"branches-ignore": ["idea"]}}, Event("push", "idea"), False),
        ({"push": {"tags": ["v*"]}}, Event("push"), False),
        ({"pull_request": {"branches": ["main"]}}, Event("pull_request", "idea"), True),
        ({"pull_request": {"types": ["closed"]}}, Event("pull_request"), False),
        ({"pull_request": None}, Event("pull_request"), True),
    ],
)
def test_what_starts_a_workflow(on, event, started):
    """Events, and filters by branch; a pull request is filtered by the branch that it is to go into."""
    assert starts(read_workflow(flow({"one": job("make a")}, on=on)), event) is started


def test_nobody_passes_an_environment_without_approval():
    """The job fails, and its steps do not run."""
    text = flow({"one": job("make deploy", environment={"name": "production"})})
    assert ended(text, approved=False) == {"one": "failure", "run": "failure"}
    assert ended(text)["one"] == "success"


def test_facts_of_a_workflow_are_read_where_they_hold():
    """Permissions of the job before those of the file, secrets by step, what is not pinned."""
    text = flow(
        {
            "a": {"steps": [{"uses": "actions/checkout@v5"}, {"run": "make a", "env": {"T": "${{ secrets.ONE }}"}}]},
            "b": {"permissions": {"packages": "write", "contents": "none"}, "steps": [{"uses": "./.github/own"}]},
        },
        permissions="read-all",
        env={"ALL": "${{ secrets['TWO'] }} ${{ secrets.GITHUB_TOKEN }}"},
    )
    found = rehearse(text, [{"secrets": {"ONE": "x1", "TWO": "x2"}}])
    assert found["permissions"] == {"a": {"*": "read"}, "b": {"packages": "write"}}
    assert found["unpinned"] == ["actions/checkout@v5"]
    assert [step["secrets"] for step in found["runs"][0]["jobs"]["a"]["steps"]] == [["TWO"], ["ONE", "TWO"]]
    everything = flow({"a": {"steps": [{"run": "make a", "env": {"T": "${{ toJSON(secrets) }}"}}]}})
    (end,) = rehearse(everything, [{}])["runs"][0]["jobs"]["a"]["steps"]
    assert end["secrets"] == ["*"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("on: push\njobs: [", "no YAML"),
        ("just text", "holds a str"),
        ("on: push", "has no jobs"),
        ("jobs: {a: {runs-on: x, steps: [{run: a}]}}", "nothing starts"),
        ("on: push\njobs: {a: {steps: [{run: a}]}}", "no runs-on"),
        ("on: push\njobs: {a: {runs-on: x}}", "has no steps"),
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: a, uses: b}]}}", "either run: or uses:"),
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: a}], needs: b}}", "no such job"),
        ("on: push\npermissions: admin\njobs: {a: {runs-on: x, steps: [{run: a}]}}", "Give each scope"),
        (flow({"a": job("x", needs="b"), "b": job("y", needs="a")}), "in a circle"),
    ],
)
def test_what_github_would_not_run_is_refused_with_the_reason(text, reason):
    """Before anything runs."""
    with pytest.raises(WorkflowError, match=reason):
        read_workflow(text)


def test_the_schema_finds_a_misspelt_key():
    """It is GitHub's own, as check-jsonschema ships it."""
    text = flow({"one": job("make a", need="two")})
    assert any("need" in fault for fault in schema_faults(text))
    assert schema_faults(flow({"one": job("make a")})) == ()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_own_workflows_can_be_rehearsed_and_are_red_when_their_checks_are(path):
    """Every command of ours that fails makes its run fail."""
    text = path.read_text()
    workflow = read_workflow(text)
    event = Event(next(iter(workflow.triggers)))
    good = run_workflow(workflow, event)
    assert good.conclusion == "success"
    assert not workflow.unpinned
    for command in dict.fromkeys(good.commands):
        failing = command.rpartition("/")[2] if "/" in command.split()[0] else command
        assert run_workflow(workflow, event, failing=[failing]).conclusion == "failure", command
