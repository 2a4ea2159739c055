"""The data that is copied: shapes of a Carbon 4.2 database, alike in MariaDB and PostgreSQL.

    fill(server, "bench_rows", "rows", 1.0)      the database is made anew

rows: 3.27 million small rows, about 0.5 GB with its indexes. blobs: 20,000 contents of 1 KB to
2 MB, about 1 GB, every second one incompressible. giant: one content of 200 MB. small: what a young
cluster of layout 4.1 holds, and a table BENCH for statements. All with awkward values: NULL beside
'', tabs, backslashes, zero bytes, four-byte UTF-8, keyless doubles, zero times (MariaDB). The same
scale gives the same rows.
"""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
import fill as lab_fill  # noqa: E402  (found through the path above)
import layouts  # noqa: E402

SERVICES = repr("/_system/governance/trunk/services/com/example/")
GIANT_BYTES = 200_000_000
TEXT_POOL = 1 << 20


def four(number):
    """The nearest multiple of four: fill.py's tenants go by the number modulo four."""
    return max(4, round(number / 4) * 4)


class BulkFiller(lab_fill.Filler):
    """The rows of fill.py, and many more, all made by the server."""

    def __init__(self, layout, kind):
        super().__init__(layout, kind, seed=1, charset="utf8mb4", zero_dates=True)

    def numbers(self, count):
        return f"(SELECT seq AS n FROM seq_1_to_{count}) t" if self.kind == "mysql" else (
            super().numbers(count))

    def divided(self, number, by):
        return f"({number} DIV {by})" if self.kind == "mysql" else f"({number} / {by})"

    def after(self, table, count):
        """SQL of the ids that follow those in use; counters() will know of them."""
        start = four(self.next_id.get(table, 0) + 3)
        self.next_id[table] = start + count
        return f"(n + {start})", start

    def secret(self, digest, what):
        """A random text as base64, by number: sha256 a password's, md5 a salt's."""
        text = self.concat(f"'{what}'", self.text("n"))
        if self.kind == "mysql":
            return "TO_BASE64(UNHEX(" + (
                f"SHA2({text}, 256)" if digest == "sha256" else f"MD5({text})") + "))"
        return "encode(" + (f"sha256(convert_to({text}, 'UTF8'))" if digest == "sha256" else
                            f"decode(md5({text}), 'hex')") + ", 'base64')"

    def scattered(self, prefix):
        """A different text for each number, in no order: as names and paths are."""
        start = (f"SUBSTRING(MD5({self.text('n')}), 1, 8)" if self.kind == "mysql" else
                 f"substr(md5({self.text('n')}), 1, 8)")
        return self.concat(prefix, start, "'.'", self.text("n"))

    def texts(self):
        """One of two is awkward, the other random."""
        return f"(CASE n % 2 WHEN 0 THEN {self.pick(self.awkward)} ELSE {self.uuid()} END)"

    def resources(self, paths):
        """One path and one resource for each content that a shape brings by itself."""
        tenant = self.tenant()
        self.rows("REG_CLUSTER_LOCK", "REG_LOCK_NAME, REG_LOCK_STATUS, REG_LOCKED_TIME, "
                  "REG_TENANT_ID", [("initializer", "DONE", "2013-05-01 00:00:00", 0)])
        self.select("REG_PATH", "REG_PATH_ID, REG_PATH_VALUE, REG_PATH_PARENT_ID, REG_TENANT_ID",
                    f"n, {self.scattered(SERVICES)}, "
                    f"{self.divided('n', 10)}, {tenant}", paths)
        self.select("REG_RESOURCE",
                    "REG_PATH_ID, REG_NAME, REG_VERSION, REG_MEDIA_TYPE, REG_CREATOR, "
                    "REG_CREATED_TIME, REG_LAST_UPDATOR, REG_LAST_UPDATED_TIME, REG_DESCRIPTION, "
                    "REG_CONTENT_ID, REG_TENANT_ID, REG_UUID",
                    f"n, {self.scattered(repr('service'))}, n + 7, "
                    f"{self.pick(['application/xml', 'text/plain', None])}, 'admin', "
                    f"{self.moment()}, {self.pick(['admin', None])}, {self.moment('(n + 60)')}, "
                    f"{self.pick(self.awkward)}, n, {tenant}, {self.uuid()}", paths)

    def log(self, count):
        self.select("REG_LOG", "REG_LOG_ID, REG_PATH, REG_USER_ID, REG_LOGGED_TIME, REG_ACTION, "
                    "REG_ACTION_DATA, REG_TENANT_ID",
                    f"n * 2, {self.scattered(SERVICES)}, "
                    f"'admin', {self.moment()}, n % 12, {self.pick(self.awkward)}, "
                    f"{self.tenant()}", count)

    def links(self, noun, count, paths, value):
        """Things of one kind and their keyless links to paths; two links are there twice."""
        tenant = self.tenant()
        columns, values = value
        self.select(f"REG_{noun}", columns, values, count)
        link = f"REG_{noun}_ID, REG_VERSION, REG_PATH_ID, REG_RESOURCE_NAME, REG_TENANT_ID"
        path = f"1 + (n - 1) % {paths}"
        self.select(f"REG_RESOURCE_{noun}", link,
                    f"n, {path} + 7, {path}, {self.pick(['service', None])}, {tenant}", count)
        for _ in range(2):
            self.select(f"REG_RESOURCE_{noun}", link, f"n, n + 7, n, 'twice', {tenant}", 2)

    def bulk_users(self, users, attributes, members, roles):
        tenant = self.tenant()
        user, first_user = self.after("UM_USER", users)
        self.select("UM_USER", "UM_ID, UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, "
                    "UM_REQUIRE_CHANGE, UM_CHANGED_TIME, UM_TENANT_ID",
                    f"{user}, {self.scattered(repr(''))}, "
                    f"{self.secret('sha256', 'password')}, {self.secret('md5', 'salt')}, "
                    f"{self.literal(False)}, {self.moment()}, {tenant}", users)
        role, first_role = self.after("UM_ROLE", roles)
        self.select("UM_ROLE", "UM_ID, UM_ROLE_NAME, UM_TENANT_ID",
                    f"{role}, {self.concat(repr('team'), self.text('n'))}, {tenant}", roles)
        attribute, _ = self.after("UM_USER_ATTRIBUTE", attributes)
        self.select("UM_USER_ATTRIBUTE", "UM_ID, UM_ATTR_NAME, UM_ATTR_VALUE, UM_PROFILE_ID, "
                    "UM_USER_ID, UM_TENANT_ID",
                    f"{attribute}, {self.pick(['mail', 'givenname', 'telephone'])}, "
                    f"{self.texts()}, 'default', "
                    f"{first_user} + 1 + (n - 1) % {users}, {tenant}", attributes)
        member, _ = self.after("UM_USER_ROLE", members)
        # another role in each pass over the users, of the user's tenant
        turn = f"((n - 1 + 4 * {self.divided('(n - 1)', users)}) % {roles})"
        self.select("UM_USER_ROLE", "UM_ID, UM_ROLE_ID, UM_USER_ID, UM_TENANT_ID",
                    f"{member}, {first_role} + 1 + {turn}, {first_user} + 1 + (n - 1) % {users}, "
                    f"{tenant}", members)

    def of_rows(self, scale):
        paths = four(100_000 * scale)
        self.resources(paths)
        self.select("REG_CONTENT", "REG_CONTENT_ID, REG_CONTENT_DATA, REG_TENANT_ID",
                    f"n, {self.blob('content', '64 * (n % 7)')}, {self.tenant()}", paths)
        self.log(four(550_000 * scale))
        tenant = self.tenant()
        self.links("PROPERTY", four(450_000 * scale), paths, (
            "REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID",
            f"n, 'property', {self.texts()}, {tenant}"))
        self.links("TAG", four(50_000 * scale), paths, (
            "REG_ID, REG_TAG_NAME, REG_USER_ID, REG_TAGGED_TIME, REG_TENANT_ID",
            f"n, {self.pick([text for text in self.awkward if text is not None])}, 'admin', "
            f"{self.moment()}, {tenant}"))
        self.people()
        self.bulk_users(four(250_000 * scale), four(670_000 * scale), four(500_000 * scale), 400)
        self.counters()

    def of_blobs(self, contents):
        self.resources(contents)
        self.log(four(contents / 2))
        self.people()
        self.counters()

    def of_small(self, scale):
        self.registry(10 * scale)
        self.people()
        self.counters()
        self.out.append("CREATE TABLE BENCH (ID INTEGER PRIMARY KEY, N INTEGER)")
        self.select("BENCH", "ID, N", "n, 0", 1000)


def blob_size(number):
    """1 KB to 2 MB: nine of ten below 40 KB; 50 KB on average."""
    draw = random.Random(f"size {number}")
    kind = draw.random()
    low, high = (1_000, 40_000) if kind < 0.9 else (
        (40_000, 400_000) if kind < 0.99 else (400_000, 2_000_000))
    return draw.randint(low, high)


def text_pool():
    draw = random.Random("text")
    words = ["service", "endpoint", "wsdl:operation", "policy", "query", "dataSource", "resource"]
    out = []
    length = 0
    while length < TEXT_POOL + 2_000_000:
        word = draw.choice(words)
        line = (f'  <{word} id="{draw.getrandbits(16)}" path="/_system/governance/trunk/services/'
                f'com/example/{word}" method="{draw.choice(["GET", "POST"])}" enabled="true"/>\n')
        out.append(line)
        length += len(line)
    return "".join(out).encode()


def blobs(first, count):
    """(number, bytes): odd ones of random bytes, even ones XML."""
    pool = text_pool()
    for number in range(first, first + count):
        size = blob_size(number)
        if number % 2:
            yield number, random.Random(f"blob {number}").randbytes(size)
        else:
            start = number * 7919 % TEXT_POOL
            yield number, pool[start:start + size]


TENANT_OF = {0: 1, 1: 2}  # as Filler.tenant()


def feed_blobs(server, database, table, rows):
    """Loads (number, bytes) with the server's own loader, as hex in a stream."""
    columns = "REG_CONTENT_ID, REG_CONTENT_DATA, REG_TENANT_ID"
    history = table == "REG_CONTENT_HISTORY"
    if server.kind == "mariadb":
        settings = "REG_CONTENT_DATA = UNHEX(@hex)" + (", REG_DELETED = 0" if history else "")
        loader = server.loader(
            database, f"LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table} "
            f"({columns.replace('REG_CONTENT_DATA', '@hex')}) SET {settings}")
        prefix = b""
    else:
        loader = server.loader(database, f"COPY {table} ({columns}) FROM STDIN")
        prefix = b"\\\\x"
    with loader as stream:
        for number, content in rows:
            tenant = TENANT_OF.get(number % 4, lab_fill.SUPER_TENANT)
            stream.write(b"%d\t%s%s\t%d\n" % (number, prefix, content.hex().encode(), tenant))


def run_filler(server, database, filler):
    before = {
        "mysql": ["SET SESSION foreign_key_checks = 0", "SET SESSION time_zone = '+00:00'",
                  "SET NAMES utf8mb4",
                  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'"],
        # the rows fit by construction: no trigger looks at each of them
        "postgresql": ["SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on",
                       "SET session_replication_role = replica"],
    }[filler.kind]
    server.run_sql(";\n".join(before + filler.out) + ";\n", database)


def fill(server, database, shape, scale):
    """Makes the database anew and fills it."""
    kind = "mysql" if server.kind == "mariadb" else "postgresql"
    layout = "4.1" if shape == "small" else "4.2"
    filler = BulkFiller(layout, kind)
    server.make_anew(database)
    server.run_sql(layouts.create(layout, kind), database)
    if shape == "rows":
        filler.of_rows(scale)
    elif shape == "small":
        filler.of_small(scale)
    else:
        count = 4 if shape == "giant" else four(12_000 * scale)
        filler.of_blobs(count)
        if shape == "giant":
            feed_blobs(server, database, "REG_CONTENT",
                       [(number, b"\0\xff'\\" * (GIANT_BYTES // 4 if number == 1 else 10))
                        for number in range(1, 5)])
        else:
            feed_blobs(server, database, "REG_CONTENT", blobs(1, count))
            feed_blobs(server, database, "REG_CONTENT_HISTORY",
                       blobs(1_000_001, four(8_000 * scale)))
    run_filler(server, database, filler)
    server.settle(database)
