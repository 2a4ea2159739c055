"""The agent's command line alone: what it says of an agent.xml that a person wrote."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DSS_BUILD", ROOT / "build" / "debug"))
AGENT = BUILD / "agent" / "dss-agent"
COORDINATOR = BUILD / "coordinator" / "dss-coordinator"
EXAMPLES = ROOT / "deploy" / "examples"


def agent(*words):
    return subprocess.run([AGENT, *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False)


@pytest.fixture
def host(tmp_path):
    """A host as README says: the example, the files of "ca issue", its folders, its logins."""
    for words in (["ca", "init", "--cluster", "orders"],
                  ["ca", "issue", "--role", "agent", "--name", "db1", "--out", tmp_path]):
        subprocess.run([COORDINATOR, "--state", tmp_path / "lead", *words], check=True,
                       capture_output=True)
    text = (EXAMPLES / "agent-database.xml").read_text()
    for folder in ("/var/lib/dss-agent", "/var/backups/dss-agent"):
        (tmp_path / pathlib.Path(folder).parts[2]).mkdir(mode=0o700)
        text = text.replace(folder, str(tmp_path / pathlib.Path(folder).parts[2]))
    text = text.replace("/usr/local/share/dss-upgrade/profiles", str(ROOT / "sql" / "profiles"))
    (tmp_path / "agent.xml").write_text(text)
    for name in ("production.cnf", "staging.cnf", "pg_service.conf"):
        (tmp_path / name).write_text("[client]\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def check(host):
    return agent("check-config", "--config", host / "agent.xml")


def fails_with(host, *words):
    done = check(host)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert done.returncode == 1
    assert len(lines) == 1, done.stdout
    for word in words:
        assert word in lines[0]


def test_the_example_is_in_order_with_the_files_of_ca_issue(host):
    done = check(host)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


def test_a_login_that_others_may_read_is_named(host):
    (host / "staging.cnf").chmod(0o644)
    fails_with(host, "staging.cnf", "chmod 600")


def test_a_folder_that_is_not_there_is_named(host):
    (host / "backups").rmdir()
    fails_with(host, str(host / "backups"), "make it")


def test_a_revocation_list_that_is_not_there_is_named(host):
    (host / "ca.crl").unlink()
    fails_with(host, "ca.crl cannot be read: No such file or directory")


def test_another_cluster_than_the_certificates_is_named(host):
    path = host / "agent.xml"
    path.write_text(path.read_text().replace('cluster="orders"', 'cluster="order"'))
    fails_with(host, "dss-upgrade://orders/agent/db1", "dss-upgrade://order/agent/db1", "correct")
