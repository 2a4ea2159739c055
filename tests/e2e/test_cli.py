"""The coordinator's command line alone: usage, certificates, bad inventories. No agent is there."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DSS_BUILD", ROOT / "build" / "debug"))
COORDINATOR = BUILD / "coordinator" / "dss-coordinator"

GOOD = """<?xml version="1.0" encoding="UTF-8"?>
<cluster xmlns="urn:dss-upgrade:cluster:1" name="orders" profile="dss-3.2.0" strategy="documented">
  <agents>
    <agent name="node1" address="127.0.0.1" port="1"/>
  </agents>
  <nodes>
    <node name="node1" agent="node1" role="manager" address="127.0.0.1"/>
  </nodes>
  <databases>
    <database name="shared" agent="node1" holds="registry users" account="carbon">
      <production url="jdbc:mysql://127.0.0.1:1/old"/>
      <staging url="jdbc:mysql://127.0.0.1:2/new"/>
    </database>
  </databases>
</cluster>
"""


def run(state, *words):
    return subprocess.run([COORDINATOR, "--state", state, *map(str, words)], capture_output=True,
                          text=True, timeout=60, check=False)


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state"
    done = run(path, "ca", "init", "--cluster", "orders")
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("words, says", [
    (["chek"], "did you mean 'check'"),
    (["upgrade-all"], "there is no command 'upgrade-all'\n"),
    (["audit"], "'audit verify', 'audit show', 'audit export'"),
    (["config", "dif", "x"], "needs its second word: 'config diff'"),
    (["--json", "status"], "options come behind it"),
    (["plan"], "an argument is missing: 'CLUSTER.XML'"),
    (["plan", "a", "b"], "one word too many: 'b'"),
    (["check", "--jsn", "a"], "there is no option '--jsn'"),
    (["ca", "issue", "--role"], "needs a value"),
    (["apply", "x", "--reason", "a", "--reason", "b"], "given more than once"),
    (["skip", "3"], "skip needs --reason"),
    (["check", "x", "--bypass", "DB-SPACE"], "needs --reason"),
    (["audit", "export", "--format", "xls"], "there is no format 'xls'"),
])
def test_wrong_usage_says_what_is_wrong_and_exits_2(tmp_path, words, says):
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_help_lists_every_command_with_an_example(tmp_path):
    done = subprocess.run([COORDINATOR, "--help"], capture_output=True, text=True, check=True)
    for command in ("ca init", "check", "plan", "apply", "resume", "abort", "status", "report",
                    "audit verify"):
        assert command in done.stdout
        shown = subprocess.run([COORDINATOR, *command.split(), "--help"], capture_output=True,
                               text=True, check=True)
        assert "Example:" in shown.stdout


def test_certificates_are_issued_listed_and_revoked(state, tmp_path):
    out = tmp_path / "node1"
    done = run(state, "ca", "issue", "--role", "agent", "--name", "node1", "--address",
               "127.0.0.1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "node1.key").stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in out.iterdir()) == [
        "ca.crl", "ca.crt", "node1.crt", "node1.key"]
    listed = json.loads(run(state, "ca", "list", "--json").stdout)["certificates"]
    assert {c["name"] for c in listed} == {"coordinator", "node1"}
    assert run(state, "ca", "revoke", "node1").returncode == 0
    listed = json.loads(run(state, "ca", "list", "--json").stdout)["certificates"]
    assert [c["revoked"] for c in listed if c["name"] == "node1"] == [True]
    assert run(state, "ca", "issue", "--role", "king", "--name", "a", "--out", out).returncode == 2
    assert run(state, "ca", "init", "--cluster", "orders").returncode != 0  # it is there already


@pytest.mark.parametrize("change, line, says", [
    (lambda x: x.replace("</nodes>", ""), None, "cluster.xml:"),
    (lambda x: x.replace("<nodes>", "<knots>").replace("</nodes>", "</knots>"), 6, "knots"),
    (lambda x: x.replace('role="manager"', 'role="manager" rol="x"'), 7, "rol"),
    (lambda x: x.replace('role="manager"', 'role="boss"'), 7, "boss"),
    (lambda x: x.replace("  </nodes>",
                         '    <node name="node1" agent="node1" role="worker"/>\n  </nodes>'),
     8, "node1"),
    (lambda x: x.replace('node name="node1" agent="node1"', 'node name="node1" agent="node9"'), 7,
     "node9"),
    (lambda x: x.replace("registry users", "registry"), None, "users"),
    (lambda x: x.replace("127.0.0.1:2/new", "127.0.0.1:1/old"), 10, "same url"),
    (lambda x: "no xml at all", 1, "cluster.xml:1"),
])
def test_a_wrong_inventory_is_refused_with_file_and_line(state, tmp_path, change, line, says):
    path = tmp_path / "cluster.xml"
    path.write_text(change(GOOD))
    done = run(state, "check", path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    if line:
        assert f"cluster.xml:{line}" in done.stderr


def test_an_agent_that_cannot_be_reached_fails_the_check_by_name(state, tmp_path):
    path = tmp_path / "cluster.xml"
    path.write_text(GOOD)
    done = run(state, "check", path)
    assert done.returncode == 3
    assert "AGENT-UP" in done.stdout and "node1" in done.stdout
    assert run(state, "plan", path, "-o", tmp_path / "p").returncode == 3
    assert not (tmp_path / "p").exists()


def test_commands_without_a_run_say_so(state):
    for words in (["status"], ["report"], ["resume"], ["abort"]):
        done = run(state, *words)
        assert done.returncode != 0
        assert done.stderr.strip()


def test_an_inventory_that_is_not_there_is_a_wrong_file(state, tmp_path):
    for words in (["check"], ["plan"], ["agents"], ["config", "diff"]):
        done = run(state, *words, tmp_path / "no-such.xml")
        assert done.returncode == 2
        assert "no-such.xml" in done.stderr


def test_a_state_folder_without_certificates_or_journal_says_what_makes_them(tmp_path):
    path = tmp_path / "cluster.xml"
    path.write_text(GOOD)
    for words in (["check", path], ["plan", path], ["agents", path]):
        done = run(tmp_path / "empty", *words)
        assert done.returncode == 2
        assert "ca init" in done.stderr and "--state" in done.stderr
    for words in (["status"], ["report"]):
        done = run(tmp_path / "empty", *words)
        assert done.returncode == 2
        assert "--state" in done.stderr and str(tmp_path / "empty") in done.stderr


@pytest.mark.parametrize("check", ["AGENT-UP", "AGENT-TRUST", "INSPECTION", "SCRIPT-DIGEST"])
def test_what_was_not_looked_at_cannot_be_bypassed(state, tmp_path, check):
    path = tmp_path / "cluster.xml"
    path.write_text(GOOD)
    for words in (["check", path], ["plan", path, "-o", tmp_path / "p"], ["apply", path]):
        done = run(state, *words, "--bypass", check, "--reason", "in a hurry")
        assert done.returncode == 2
        assert check in done.stderr and "cannot be bypassed" in done.stderr
    assert not (tmp_path / "p").exists()


def test_a_plan_that_was_changed_by_hand_is_refused(state, tmp_path):
    path = tmp_path / "night.plan"
    path.write_text("<plan/>")
    assert run(state, "apply", path).returncode in (2, 4)
    assert run(state, "apply", tmp_path / "no-such-plan").returncode == 2
