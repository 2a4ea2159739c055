"""The commands that are measured: ours, and what an operator would run instead.

A method gets a Job and gives a shell command; pipes fail when any part of them fails. All of them
reach the servers over TCP on the loopback, with passwords from files.
"""
import dataclasses
import hashlib
import pathlib
import shlex
import typing

from world import ROOT, World

JOBS = 2
STATEMENTS = 10_000
HANDLER = ROOT / "build/release/tests/bench/bench_handler"


@dataclasses.dataclass
class Job:
    """One run of one method."""
    world: World
    database: str
    folder: pathlib.Path  # of this run alone, empty
    same_server: bool = False

    @property
    def copy(self):
        """The name of the staging database."""
        return self.world.target(self.database, self.same_server)[1]


@dataclasses.dataclass(frozen=True)
class Method:
    name: str
    command: typing.Callable[[Job], str]
    shape: str
    factor: float = 1.0     # of the scale
    ours: bool = False      # prints what bench_handler prints
    part: str | None = None  # of ours: only what is before this phase counts
    writes: str = ""        # what it leaves in the job's folder, as a glob: its size is told
    staging: str = "empty"  # what is untimed before: "empty" or "small" (filled with that shape)
    copies: bool = True     # staging is then a copy of production
    same_server: bool = False  # staging is a database of production's server


def quoted(*words):
    return " ".join(shlex.quote(str(word)) for word in words)


def handler(job, command, *arguments, options=()):
    file = job.world.agent_file(job.folder / "agent", job.database, job.same_server)
    return quoted(HANDLER, *options, file, command, job.database, *arguments)


# PostgreSQL

def conninfo(job, side):
    server = getattr(job.world, side)
    return (f"service={server.service} dbname={job.database} "
            f"passfile={server.passfile()}")


def uri(job, side):
    """What pgcopydb understands; the password comes from PGPASSFILE."""
    server = getattr(job.world, side)
    return f"postgres://dss_upgrade@{server.address}:{server.port}/{job.database}"


def service(job, side):
    """The variable that names the service file of that side."""
    return f"PGSERVICEFILE={shlex.quote(getattr(job.world, side).login_file)} "


def pgcopydb(job):
    # one file with both passwords
    passfile = job.folder / "pgpass"
    passfile.write_text("".join(
        f"{server.address}:{server.port}:*:dss_upgrade:{server.password}\n"
        for server in job.world.both()))
    passfile.chmod(0o600)
    return (f"PGPASSFILE={shlex.quote(str(passfile))} "
            + quoted("pgcopydb", "clone", "--source", uri(job, "production"), "--target",
                     uri(job, "staging"), "--dir", job.folder / "pgcopydb", "--table-jobs", JOBS,
                     "--index-jobs", JOBS))


def pg_pipe(job):
    return (service(job, "production") + quoted("pg_dump", conninfo(job, "production")) + " | "
            + service(job, "staging")
            + quoted("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1",
                     conninfo(job, "staging")) + " > /dev/null")


def pg_backup(job):
    return service(job, "production") + quoted(
        "pg_dump", "-Fc", "--file", job.folder / "dump", conninfo(job, "production"))


# MariaDB

def login(job, side):
    return f"--defaults-file={getattr(job.world, side).login_file}"


def mariadb_pipe(job):
    return (quoted("mariadb-dump", login(job, "production"), "--single-transaction", job.database)
            + " | " + quoted("mariadb", login(job, "staging"), job.database))


def mydumper(job):
    dump = job.folder / "mydumper"
    return (quoted("mydumper", login(job, "production"), "--database", job.database, "--threads",
                   JOBS, "--outputdir", dump)
            + " && " + quoted("myloader", login(job, "staging"), "--database", job.database,
                              "--directory", dump, "--threads", JOBS))


# copies on one server, as the servers themselves can do it while nobody is connected

def pg_template(job):
    drop = f"DROP DATABASE {job.copy}"
    return service(job, "production") + quoted(
        "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", drop, "--command",
        f"CREATE DATABASE {job.copy} TEMPLATE {job.database}",
        f"service={job.world.production.service} dbname=postgres")


def mariadb_tablespaces(job):
    server = job.world.production
    tables = server.run_sql("SHOW TABLES", job.database).split()
    script = job.folder / "tablespaces.sql"
    script.write_text("\n".join([
        "SET foreign_key_checks = 0;",
        *(f"ALTER TABLE {job.copy}.{table} DISCARD TABLESPACE;" for table in tables),
        "FLUSH TABLES " + ", ".join(f"{job.database}.{table}" for table in tables)
        + " FOR EXPORT;",
        f"system cp --preserve=ownership,mode {server.directory}/data/{job.database}/*.ibd "
        f"{server.directory}/data/{job.database}/*.cfg {server.directory}/data/{job.copy}/",
        "UNLOCK TABLES;",
        *(f"ALTER TABLE {job.copy}.{table} IMPORT TABLESPACE;" for table in tables), ""]))
    return (quoted("mariadb-dump", login(job, "production"), "--no-data", job.database) + " | "
            + quoted("mariadb", login(job, "production"), job.copy) + " && "
            + quoted("mariadb", login(job, "production")) + " < " + quoted(script))


# scripts

def script(job):
    """The profile's migration, and many small statements; returns its path."""
    kind = "mysql" if job.world.kind == "mariadb" else "postgresql"
    text = (ROOT / f"sql/profiles/dss-3.2.0/{kind}/4.1-4.2.sql").read_text()
    text += "".join(f"UPDATE BENCH SET N={number} WHERE ID={1 + number % 1000};\n"
                    for number in range(STATEMENTS))
    path = job.folder / "script.sql"
    path.write_text(text)
    return path


def our_script(job):
    path = script(job)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return handler(job, "migrate-database", "side=staging", "statement-s=60", "lock-s=10",
                   f"script=@{path}", f"script-sha256={digest}")


def psql_script(job):
    return service(job, "staging") + quoted(
        "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file", script(job),
        conninfo(job, "staging"))


def mariadb_script(job):
    return quoted("mariadb", login(job, "staging"), job.database) + " < " + quoted(script(job))


def our_copy(job):
    return handler(job, "copy-database")


def our_unproven_copy(job):
    return handler(job, "copy-database", options=["--unproven"])


def our_backup(job):
    return handler(job, "backup-database")
