"""The splitter cuts a script as the vendors' own clients do; run by ctest with pytest.

Each script of tests/fuzz/corpus/sql and of the profiles goes through `mariadb` or `psql` to a private server that logs
every statement it gets, and through the splitter; the two lists have to be equal.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/lab"))
import servers  # noqa: E402

CORPUS = TOP / "tests/fuzz/corpus/sql"
END = "this is the end of the script"
# What stands around a statement does not change it: the clients send some of it, the splitter none.
AROUND = {
    "mysql": re.compile(r"(?:\s|;|#[^\n]*|--(?:\s[^\n]*|$)|/\*(?!!|M!).*?\*/)*", re.S),
    "postgresql": re.compile(r"(?:\s|;|--[^\n]*|/\*(?:/\*.*?\*/|.)*?\*/)*", re.S),
}


def without_empty_lines(text):
    return re.sub(r"\n+", "\n", text)


# Where the splitter differs on purpose: what makes both lists equal, or None where nothing can.
DIFFER = {
    # the mysql client drops a backslash that ends its line; the server reads both alike
    ("mysql", "escapes-at-line-end"): lambda text: text.replace("\\\n", "\n"),
    # psql sends no empty lines, apart from those in literals
    ("postgresql", "many-lines"): without_empty_lines,
    # psql forgets the E of a string that goes on in the next line; the server does not
    ("postgresql", "escape-string-continued"): None,
}


def scripts(kind):
    found = sorted((CORPUS / kind).glob("*.sql"))
    found += sorted((TOP / "sql/profiles").glob(f"*/{kind}/*.sql"))
    return pytest.mark.parametrize("script", found, ids=lambda path: path.stem)


def split(kind, script):
    done = subprocess.run([os.environ["SPLIT_SCRIPT"], kind], input=script, capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [text.decode() for text in done.stdout.split(b"\0")[:-1]]


def are_same(kind, ours, theirs):
    """Whether each of ours is what the client sent, apart from what stands around it."""
    around = AROUND[kind]
    theirs = [text[around.match(text).end():] for text in theirs]
    theirs = [text for text in theirs if text]
    return len(ours) == len(theirs) and all(
        their.startswith(our) and around.fullmatch(their[len(our):])
        for our, their in zip(ours, theirs))


def compare(kind, script, ours, theirs):
    print(*ours, "-- client:", *theirs, sep="\n")
    if (kind, script.stem) not in DIFFER:
        assert are_same(kind, ours, theirs)
        return
    assert not are_same(kind, ours, theirs)
    equal = DIFFER[kind, script.stem]
    assert equal is None or are_same(kind, list(map(equal, ours)), list(map(equal, theirs)))


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="dss-clients-") as name:
        os.chmod(name, 0o755)  # the servers run as users of their own
        yield pathlib.Path(name)


@pytest.fixture(scope="module")
def mariadb(folder):
    server = servers.MariaDbServer(folder / "mariadb", options=["--log-output=TABLE"]).start()
    server.run_sql("CREATE DATABASE nasty")
    server.login = server.option_file(folder / "mariadb.cnf")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgresql(folder):
    server = servers.PostgresServer(folder / "postgresql", options=[
        "logging_collector=on", "log_destination=jsonlog", "log_statement=all",
        "log_filename=statements.log"]).start()
    server.run_sql("CREATE DATABASE nasty")
    server.login = server.service_file(folder / "pg_service.conf")
    yield server
    server.stop()


def sent_by_mariadb(server, script):
    server.run_sql("SET GLOBAL general_log = OFF; TRUNCATE mysql.general_log; "
                   "SET GLOBAL general_log = ON")
    subprocess.run(["mariadb", f"--defaults-file={server.login}", "--force", "--comments", "nasty"],
                   input=script, capture_output=True, check=False)
    log = server.run_sql("SET GLOBAL general_log = OFF; SELECT HEX(argument) FROM mysql.general_log"
                         " WHERE command_type = 'Query' AND user_host NOT LIKE '%localhost%'")
    return [bytes.fromhex(line).decode() for line in log.split()]


def as_logged(statement):
    """MariaDB's log leaves out the last semicolons and has no characters of four bytes."""
    return re.sub(r"[;\s]+$", "", "".join(
        char if ord(char) < 0x10000 else "".join(f"\\x{byte:02X}" for byte in char.encode())
        for char in statement))


@scripts("mysql")
def test_mariadb(mariadb, script):
    text = script.read_bytes()
    compare("mysql", script, [as_logged(one) for one in split("mysql", text)],
            sent_by_mariadb(mariadb, text))


def sent_by_psql(server, script):
    log = server.directory / "data/log/statements.json"
    before = log.stat().st_size
    subprocess.run(["psql", "--no-psqlrc", "--quiet", "--file=-", "service=production dbname=nasty"],
                   input=script, capture_output=True, check=False,
                   env={**os.environ, "PGSERVICEFILE": server.login})
    server.run_sql(f"SELECT '{END}'")
    sent = []
    while True:
        with open(log, "rb") as file:
            file.seek(before)
            lines = file.read()
        if END.encode() in lines:
            break
    for line in lines.splitlines():
        entry = json.loads(line)
        if entry.get("dbname") != "nasty" or entry.get("application_name") != "psql":
            continue
        if entry["message"].startswith("statement: "):
            sent.append(entry["message"][len("statement: "):])
        elif entry["error_severity"] == "ERROR" and entry["statement"] not in sent[-1:]:
            sent.append(entry["statement"])  # it could not even be parsed
    return sent


@scripts("postgresql")
def test_psql(postgresql, script):
    text = script.read_bytes()
    compare("postgresql", script, split("postgresql", text), sent_by_psql(postgresql, text))
