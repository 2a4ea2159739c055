"""What tests of bad input share: a lab that stays as it was, and words that are looked for."""
import contextlib
import hashlib
import shutil
from xml.sax.saxutils import escape

import upgrades

PROFILE = upgrades.HERE.parent.parent / "sql/profiles/dss-3.2.0"


def digests(folder):
    """{path: SHA-256} of all files of a home but its logs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "logs" not in path.relative_to(folder).parts:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def picture(lab):
    """All that bad input must leave alone."""
    return {
        "pids": {node: lab.old[node].pids() for node in lab.nodes},
        "databases": {(side, one.name): upgrades.dump(lab, side, one.name)
                      for side in ("production", "staging") for one in lab.databases},
        "old homes": {node: digests(lab.home(node, "old")) for node in lab.nodes},
        "new homes": {node: digests(lab.home(node, "new")) for node in lab.nodes},
    }


@contextlib.contextmanager
def nothing_changes(lab):
    """Old servers keep running and log in; databases and homes stay as they were."""
    before = picture(lab)
    yield
    assert picture(lab) == before
    for node in lab.nodes:
        assert lab.old[node].logs_in(), f"{node} does not answer"
        assert not lab.new[node].pids()


@contextlib.contextmanager
def changed(path, change):
    """The file with another text; afterwards as it was."""
    before = path.read_bytes()
    text = before.decode("iso-8859-1")
    other = change(text)
    assert other != text, f"nothing to change in {path}"
    path.write_bytes(other.encode("iso-8859-1"))
    try:
        yield
    finally:
        path.write_bytes(before)


def restart_agent(lab, name):
    lab.kill_agent(name)
    lab.start_agent(name)
    lab.wait_for_agent(name)


@contextlib.contextmanager
def agent_with(lab, name, change):
    """The agent with another agent.xml."""
    with changed(lab.agent_folder(name) / "agent.xml", change):
        restart_agent(lab, name)
        yield
    restart_agent(lab, name)


@contextlib.contextmanager
def sql(lab, side, statement, undo):
    """A database in which that was done; afterwards as it was."""
    lab.sql(side, statement)
    try:
        yield
    finally:
        lab.sql(side, undo)


def inventory(lab, change, name="other.xml"):
    """Another cluster.xml beside the lab's own."""
    text = lab.cluster_file.read_text()
    other = change(text)
    assert other != text, "nothing to change in cluster.xml"
    path = lab.folder / name
    path.write_text(other)
    return path


def own_script(lab, change=lambda text: text):
    """The profile's script under the operator's name."""
    script = lab.folder / "migration.sql"
    text = (PROFILE / lab.kind / "4.0-4.2.sql").read_text()
    script.write_text(change(text))
    return script


def with_script(lab, script, sha256=None):
    """An inventory whose database has a script of the operator's."""
    digest = sha256 or hashlib.sha256(script.read_bytes()).hexdigest()
    return inventory(lab, lambda text: text.replace(
        "    </database>", f'      <script path="{script.name}" sha256="{digest}"/>\n'
                          "    </database>", 1))


def old_url(lab, url):
    """A change of master-datasources.xml of an old home: the shared datasource leads elsewhere."""
    return lambda text: text.replace(escape(lab.databases[0].url("production")), escape(url))


def refuses(lab, done, code, *words):
    """The exit code, and each word in what it said."""
    told = done.stdout + done.stderr
    assert done.returncode == code, told
    for word in words:
        assert str(word) in told, f"'{word}' is not in:\n{told}"
    return told


def finding(told, check, severity="FAIL"):
    """The evidence of a check that failed, and what to do about it."""
    lines = told.splitlines()
    for i, line in enumerate(lines):
        if line.split()[:2] == [severity, check]:
            todo = lines[i + 1] if i + 1 < len(lines) else ""
            assert "what to do: " in todo, f"{check} says not what to do:\n{told}"
            return line + "\n" + todo
    raise AssertionError(f"no {severity} {check} in:\n{told}")


def check_and_plan_refuse(lab, code, check, *words, cluster=None):
    """`check` and `plan` both find it, in the same words; no plan is written."""
    cluster = cluster or lab.cluster_file
    plan = lab.folder / "refused.plan"
    with nothing_changes(lab):
        for command in (("check", cluster), ("plan", cluster, "-o", plan)):
            told = finding(refuses(lab, lab.coordinator(*command), code), check)
            for word in words:
                assert str(word) in told, f"'{word}' is not in:\n{told}"
    assert not plan.exists()


@contextlib.contextmanager
def another_authority(lab):
    """(folder of its state, call): a second CA of the same cluster name."""
    state = lab.folder / "other-authority"

    def call(*words):
        argv = lab.coordinator_argv(*words)
        argv[argv.index("--state") + 1] = str(state)
        return lab.network.run("lead", argv, capture_output=True, text=True, timeout=60,
                               cwd=lab.folder)

    done = call("ca", "init", "--cluster", lab.cluster)
    assert done.returncode == 0, done.stderr
    try:
        yield state, call
    finally:
        shutil.rmtree(state)


def apply_until_held(lab, *more):
    """Up to the point of no return, where it waits."""
    done = lab.coordinator("apply", lab.plan_file, *more)
    refuses(lab, done, 5, "POINT OF NO RETURN")


@contextlib.contextmanager
def taken_back(lab):
    """A run in here is aborted at the end: the lab is for the next test."""
    try:
        yield
    finally:
        done = lab.coordinator("abort", "--reason", "the test is over")
        assert done.returncode == 6, done.stdout + done.stderr
        upgrades.old_cluster_is_healthy(lab)
