"""Whether staging is a copy of production: a wrong copy is not a fast one.

Not by our own digests: rows by what the servers themselves compute, definitions by what their dump
programs print, counters by their catalogues.
"""
import os
import subprocess


class WrongCopy(Exception):
    pass


def postgresql_rows(server, database):
    tables = server.run_sql("SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND "
                            "relnamespace = 'public'::regnamespace ORDER BY 1", database).split()
    return server.run_sql("".join(
        f"SELECT '{table}', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t;\n"
        for table in tables), database)


def postgresql_counters(server, database):
    return server.run_sql("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1", database)


def postgresql_definitions(server, database):
    done = subprocess.run(
        ["pg_dump", "--schema-only", f"service={server.service} dbname={database}"], check=True,
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PGSERVICEFILE": server.login_file})
    # newer pg_dumps put a random word around the text
    return "\n".join(line for line in done.stdout.splitlines()
                     if not line.startswith(("\\restrict", "\\unrestrict")))


def mariadb_rows(server, database):
    tables = server.run_sql("SHOW TABLES", database).split()
    counts = "".join(f"SELECT '{table}', COUNT(*) FROM {table};\n" for table in tables)
    sums = server.run_sql(f"CHECKSUM TABLE {', '.join(tables)} EXTENDED;\n{counts}", database)
    return sums.replace(f"{database}.", "")


def mariadb_definitions(server, database):
    """Sorted: a key that was added later stands in another place. Counters are in it."""
    done = subprocess.run(
        ["mariadb-dump", f"--defaults-file={server.login_file}", "--no-data", "--skip-comments",
         database], check=True, stdout=subprocess.PIPE, text=True)
    return "\n".join(sorted(line.rstrip(",") for line in done.stdout.splitlines()))


PARTS = {
    "postgresql": {"rows": postgresql_rows, "counters": postgresql_counters,
                   "definitions": postgresql_definitions},
    "mariadb": {"rows": mariadb_rows, "definitions": mariadb_definitions},
}


class Comparison:
    """Keeps what production holds, which no method changes."""

    def __init__(self):
        self.known = {}

    def check(self, world, database, method):
        server, copy = world.target(database, method.same_server)
        for part, read in PARTS[world.kind].items():
            key = (world.kind, database, part)
            if key not in self.known:
                self.known[key] = read(world.production, database)
            found = read(server, copy)
            if found == self.known[key]:
                continue
            differing = [f"- {a}\n+ {b}" for a, b in zip(self.known[key].splitlines(),
                                                         found.splitlines()) if a != b]
            raise WrongCopy(f"{method.name}: {part} of {database} differ:\n"
                            + "\n".join(differing[:10]))
