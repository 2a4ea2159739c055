#!/usr/bin/env python3
"""with_databases.py PROGRAM [ARGS...]: runs a test program beside four database servers.

Two MariaDB and two PostgreSQL servers, each with an empty database "carbon", start in a temporary
folder; afterwards they are stopped and the folder is removed. The program finds in its environment

    DSS_TEST_MYSQL_PRODUCTION, DSS_TEST_MYSQL_STAGING   option files, mode 600
    DSS_TEST_PG_SERVICE_FILE                            services "production" and "staging"
    DSS_TEST_ROOT                                       the source tree
    DSS_TEST_FOLDER                                     an empty folder for its own files
"""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))
import servers  # noqa: E402  (found through the path above)


MEMORY, ROOM = pathlib.Path("/dev/shm"), 4 << 30


def place():
    """Where the servers keep their files: in memory where there is room, they wait less there."""
    try:
        return MEMORY if shutil.disk_usage(MEMORY).free >= ROOM else None
    except OSError:
        return None


def make_all(folder):
    return {
        "mysql-production": servers.MariaDbServer(folder / "mysql-production"),
        "mysql-staging": servers.MariaDbServer(folder / "mysql-staging"),
        "pg-production": servers.PostgresServer(folder / "pg-production"),
        "pg-staging": servers.PostgresServer(folder / "pg-staging"),
    }


def start_all(made):
    with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(lambda server: server.prepare(), made.values()))
    # from this thread: a server dies with the thread that started it
    for server in made.values():
        server.start()
        server.run_sql("CREATE DATABASE carbon")


def environment(made, folder):
    logins = folder / "logins"
    logins.mkdir(mode=0o700)
    own = folder / "files"
    own.mkdir(mode=0o700)
    return dict(
        os.environ,
        DSS_TEST_MYSQL_PRODUCTION=made["mysql-production"].option_file(logins / "production.cnf"),
        DSS_TEST_MYSQL_STAGING=made["mysql-staging"].option_file(logins / "staging.cnf"),
        DSS_TEST_PG_SERVICE_FILE=servers.service_file(
            logins / "pg_service.conf",
            {"production": made["pg-production"], "staging": made["pg-staging"]}),
        DSS_TEST_ROOT=str(ROOT),
        DSS_TEST_FOLDER=str(own))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="dss-databases-", dir=place()) as name:
        folder = pathlib.Path(name)
        folder.chmod(0o711)  # the servers' users go through it
        made = make_all(folder)
        try:
            start_all(made)
            return subprocess.run(sys.argv[1:], env=environment(made, folder),
                                  check=False).returncode
        finally:
            for server in made.values():
                server.stop()


if __name__ == "__main__":
    sys.exit(main())
