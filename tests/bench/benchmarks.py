"""What is measured, one row each. The first method is the base: the others' ratios are to it."""
import dataclasses

import methods
from methods import Method


@dataclasses.dataclass(frozen=True)
class Benchmark:
    name: str
    kind: str
    what: str
    methods: tuple
    floors: dict = dataclasses.field(default_factory=dict)  # method -> (least ratio, goal)


def copies(kind, shape, floors):
    peers = {"postgresql": (("pgcopydb clone", methods.pgcopydb),
                            ("pg_dump | psql", methods.pg_pipe)),
             "mariadb": (("mydumper + myloader", methods.mydumper),
                         ("mariadb-dump | mariadb", methods.mariadb_pipe))}[kind]
    floors = {"ours, not read again": (0.83, 0.91), **floors}
    return Benchmark(
        f"{kind}-{shape}", kind, f"production to empty staging, {shape}",
        (Method("ours, verified", methods.our_copy, shape, ours=True),
         Method("ours, not read again", methods.our_unproven_copy, shape, ours=True),
         *(Method(name, command, shape) for name, command in peers)), floors)


def giant(kind):
    return Benchmark(f"{kind}-giant", kind, "memory with one value of 200 MB",
                     (Method("ours, verified", methods.our_copy, "giant", ours=True),))


def scaling(kind):
    return Benchmark(
        f"{kind}-scaling", kind, "ten times the rows: at most 11 times as long, goal 10",
        (Method("ours, a tenth of the rows", methods.our_copy, "rows", 0.1, ours=True),
         Method("ours, all rows", methods.our_copy, "rows", ours=True)))


def backup(shape):
    return Benchmark(
        f"postgresql-backup-{shape}", "postgresql", f"a compressed file, {shape}",
        (Method("ours, until the file is there", methods.our_backup, shape, ours=True,
                part="restore test", writes="agent/backup/**/*", copies=False),
         Method("pg_dump -Fc", methods.pg_backup, shape, writes="dump", copies=False)),
        {"pg_dump -Fc": (3, 4)})


def same_server(kind, name, command):
    """The server's own way is the base: what a mode of ours that uses it can reach."""
    return Benchmark(
        f"{kind}-same-server", kind, "staging on production's server",
        (Method(name, command, "rows", same_server=True),
         Method("ours, verified, row by row", methods.our_copy, "rows", ours=True,
                same_server=True)))


def script(kind, name, command):
    def method(*arguments, **options):
        return Method(*arguments, shape="small", staging="small", copies=False, **options)
    return Benchmark(
        f"{kind}-script", kind, "a migration and 10,000 small statements",
        (method("ours, with ledger", methods.our_script, ours=True), method(name, command)),
        {name: (0.95, 1.0)})


ALL = (
    copies("postgresql", "rows", {"pgcopydb clone": (1.2, 1.5)}),
    copies("postgresql", "blobs", {"pgcopydb clone": (1.5, 3)}),
    copies("mariadb", "rows", {"mydumper + myloader": (3, 4), "mariadb-dump | mariadb": (3, 4)}),
    copies("mariadb", "blobs", {"mariadb-dump | mariadb": (5, 7)}),
    backup("rows"),
    backup("blobs"),
    script("postgresql", "psql -f", methods.psql_script),
    script("mariadb", "mariadb <", methods.mariadb_script),
    same_server("postgresql", "CREATE DATABASE … TEMPLATE", methods.pg_template),
    same_server("mariadb", "tablespaces copied", methods.mariadb_tablespaces),
    giant("postgresql"),
    giant("mariadb"),
    scaling("postgresql"),
    scaling("mariadb"),
)


def chosen(names):
    return [one for one in ALL
            if not names or any(one.name.startswith(name) for name in names)]
