#!/usr/bin/env python3
"""SQL that fills a database of a Carbon layout with rows as a running cluster leaves them.

    fill.py 4.0 mysql [--megabytes N] [--seed N] [--charset latin1] [--zero-dates]
    fill.statements(layout, kind, megabytes=100, seed=1, ...) -> str

The bulk (blobs, log, properties) is made by the server itself. The same arguments give the same
rows. In every tenant admin/admin may log in, as a JDBC user store keeps it: base64 of
SHA-256(password + salt).
"""
import argparse
import base64
import hashlib
import sys

SUPER_TENANT = -1234
TENANTS = {1: "blue.example.com", 2: "green.example.com"}
LOST_TENANT = 77  # deleted: its permissions stayed, its row in UM_TENANT did not
SLICE = 1000      # bytes of one blob grow in steps of this
CONTENT_SHARE = 0.55  # the rest of the megabytes is history

UI = "ui.execute"
GET = "http://www.wso2.org/projects/registry/actions/get"
ADD = "http://www.wso2.org/projects/registry/actions/add"
PERMISSIONS = [
    ("/permission", UI), ("/permission/admin", UI), ("/permission/admin/login", UI),
    ("/permission/admin/configure", UI), ("/permission/admin/configure/security", UI),
    ("/permission/admin/configure/security/usermgt/users", UI),
    ("/permission/admin/manage", UI), ("/permission/admin/manage/add/service", UI),
    ("/permission/admin/manage/resources/browse", UI), ("/permission/admin/monitor", UI),
    ("/permission/admin/monitor/logging", UI), ("/permission/protected", UI),
    ("/_system/governance", GET), ("/_system/governance", ADD), ("/_system/config", GET),
    ("/_system/local", GET),
]
# role -> {permission's index: allowed}
ROLES = {
    "admin": {i: 1 for i in range(12)},
    "developer": {2: 1, 7: 1, 8: 1, 12: 1, 13: 1},
    "operator": {2: 1, 9: 1, 10: 1, 6: 0},
    "everyone": {12: 1, 14: 1},
    "wso2.anonymous.role": {15: 1},
    "auditors": {2: 1, 10: 1},           # a hybrid role
    "LDAP/readers": {2: 1, 8: 1},        # of another user store
}
HYBRID = "auditors"
AWKWARD = ["", None, "tab\there", "back\\slash \\N \\0", "quote ' and \"", "line\nbreak",
           "trailing blank ", "\u00e9t\u00e9"]


def password_digest(password, salt):
    """As JDBCUserStoreManager keeps it with PasswordDigest SHA-256 and StoreSaltedPassword."""
    return base64.b64encode(hashlib.sha256((password + salt).encode()).digest()).decode()


class Filler:
    def __init__(self, layout, kind, seed, charset, zero_dates):
        self.layout, self.kind, self.seed = layout, kind, seed
        self.zero_dates = zero_dates and kind == "mysql"
        self.awkward = AWKWARD + (["\U0001f600 four bytes"] if charset != "latin1" else [])
        self.out = []
        self.next_id = {}

    # literals and small rows

    def literal(self, value):
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return ("1" if value else "0") if self.kind == "mysql" else str(value).upper()
        if isinstance(value, int):
            return str(value)
        if isinstance(value, bytes):
            return f"x'{value.hex()}'" if self.kind == "mysql" else f"'\\x{value.hex()}'"
        text = value.replace("'", "''")
        if self.kind == "mysql":
            text = text.replace("\\", "\\\\")
        return f"'{text}'"

    def rows(self, table, columns, rows):
        lines = ["(" + ", ".join(self.literal(value) for value in row) + ")" for row in rows]
        for start in range(0, len(lines), 200):
            self.out.append(f"INSERT INTO {table} ({columns}) VALUES\n"
                            + ",\n".join(lines[start:start + 200]))

    def new_id(self, table):
        self.next_id[table] = self.next_id.get(table, 0) + 1
        return self.next_id[table]

    # rows made by the server

    def numbers(self, count):
        """A sub-selection with one column n: 1 to count."""
        if self.kind == "postgresql":
            return f"generate_series(1, {count}) AS t(n)"
        digits = " UNION ALL ".join(["SELECT 0 AS d"] + [f"SELECT {d}" for d in range(1, 10)])
        places = max(1, len(str(count)))
        total = " + ".join(f"p{i}.d * {10 ** i}" for i in range(places))
        tables = ", ".join(f"({digits}) p{i}" for i in range(places))
        return f"(SELECT n FROM (SELECT 1 + {total} AS n FROM {tables}) u WHERE n <= {count}) t"

    def concat(self, *parts):
        return ("CONCAT(" + ", ".join(parts) + ")" if self.kind == "mysql"
                else "(" + " || ".join(parts) + ")")

    def moment(self, n="n"):
        return (f"DATE_ADD('2013-05-01 00:00:00', INTERVAL {n} SECOND)" if self.kind == "mysql"
                else f"TIMESTAMP '2013-05-01 00:00:00' + {n} * INTERVAL '1 second'")

    def tenant(self):
        return (f"(CASE n % 4 WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE {SUPER_TENANT} END)")

    def blob(self, what, size):
        """Bytes of every value, zero included, the same for the same seed and number."""
        text = self.concat(f"'{self.seed}:{what}:'", "n" if self.kind == "mysql" else "n::text")
        times = f"1 + ({size}) / 64"
        if self.kind == "mysql":
            return f"REPEAT(UNHEX(SHA2({text}, 512)), {times})"
        return (f"decode(repeat(encode(sha512(convert_to({text}, 'UTF8')), 'hex'), "
                f"({times})::integer), 'hex')")

    def select(self, table, columns, values, count):
        self.out.append(f"INSERT INTO {table} ({columns})\nSELECT {values}\n"
                        f"FROM {self.numbers(count)}")

    def pick(self, values):
        """One of a list of texts, by number."""
        cases = " ".join(f"WHEN {i} THEN {self.literal(value)}" for i, value in enumerate(values))
        return f"(CASE n % {len(values)} {cases} END)"

    def registry(self, megabytes):
        total = int(megabytes * 1_000_000)
        # sizes go from 1 to 71 slices, 36 on average
        contents = max(8, int(total * CONTENT_SHARE) // (36 * SLICE))
        histories = max(6, int(total * (1 - CONTENT_SHARE)) // (36 * SLICE))
        size = f"(1 + (n * 37) % 71) * {SLICE}"
        tenant = self.tenant()
        paths = contents + 1
        self.rows("REG_CLUSTER_LOCK", "REG_LOCK_NAME, REG_LOCK_STATUS, REG_LOCKED_TIME, "
                  "REG_TENANT_ID", [("initializer", "DONE", "2013-05-01 00:00:00", 0)])
        self.select("REG_PATH", "REG_PATH_ID, REG_PATH_VALUE, REG_PATH_PARENT_ID, REG_TENANT_ID",
                    f"n, {self.concat(repr('/_system/governance/service'), self.text('n'))}, "
                    f"n / 10, {tenant}", paths)
        self.select("REG_CONTENT", "REG_CONTENT_ID, REG_CONTENT_DATA, REG_TENANT_ID",
                    f"n, {self.blob('content', size)}, {tenant}", contents)
        self.select("REG_CONTENT_HISTORY",
                    "REG_CONTENT_ID, REG_CONTENT_DATA, REG_DELETED, REG_TENANT_ID",
                    f"n, {self.blob('history', size)}, n % 2, {tenant}", histories)
        resource = ("REG_PATH_ID, REG_NAME, REG_VERSION, REG_MEDIA_TYPE, REG_CREATOR, "
                    "REG_CREATED_TIME, REG_LAST_UPDATOR, REG_LAST_UPDATED_TIME, REG_DESCRIPTION, "
                    "REG_CONTENT_ID, REG_TENANT_ID, REG_UUID")
        uuid = self.uuid()
        self.select("REG_RESOURCE", resource,
                    f"n, {self.concat(repr('service'), self.text('n'))}, n + 7, "
                    f"{self.pick(['application/xml', 'text/plain', None])}, 'admin', "
                    f"{self.moment()}, {self.pick(['admin', None])}, {self.moment('(n + 60)')}, "
                    f"{self.pick(self.awkward)}, n, {tenant}, {uuid}", contents)
        self.select("REG_RESOURCE_HISTORY", resource + ", REG_DELETED",
                    f"n, {self.concat(repr('service'), self.text('n'))}, n + {contents + 20}, "
                    f"'application/xml', 'admin', {self.moment()}, 'admin', {self.moment()}, "
                    f"NULL, n, {tenant}, {uuid}, 0", histories)
        self.registry_links(contents, min(contents, 4000))
        self.select("REG_LOG", "REG_LOG_ID, REG_PATH, REG_USER_ID, REG_LOGGED_TIME, REG_ACTION, "
                    "REG_ACTION_DATA, REG_TENANT_ID",
                    f"n * 2, {self.concat(repr('/_system/governance/service'), self.text('n'))}, "
                    f"'admin', {self.moment()}, n % 12, {self.pick(self.awkward)}, {tenant}",
                    max(100, int(megabytes * 100)))

    def text(self, number):
        return number if self.kind == "mysql" else f"({number})::text"

    def uuid(self):
        text = self.concat(f"'{self.seed}:uuid:'", self.text("n"))
        return f"MD5({text})"

    def registry_links(self, contents, paths):
        """Comments, ratings, tags and properties with their keyless links, true doubles included.
        """
        tenant = self.tenant()
        texts = [text for text in self.awkward if text is not None]
        for noun, count, columns, values in (
                ("COMMENT", contents // 20 + 3,
                 "REG_ID, REG_COMMENT_TEXT, REG_USER_ID, REG_COMMENTED_TIME, REG_TENANT_ID",
                 f"n, {self.pick(texts)}, 'admin', {self.moment()}, {tenant}"),
                ("RATING", contents // 20 + 3,
                 "REG_ID, REG_RATING, REG_USER_ID, REG_RATED_TIME, REG_TENANT_ID",
                 f"n, 1 + n % 5, 'admin', {self.moment()}, {tenant}"),
                ("TAG", contents // 10 + 3,
                 "REG_ID, REG_TAG_NAME, REG_USER_ID, REG_TAGGED_TIME, REG_TENANT_ID",
                 f"n, {self.pick(texts)}, 'admin', {self.moment()}, {tenant}"),
                ("PROPERTY", contents * 2, "REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID",
                 f"n, 'property', {self.pick(self.awkward)}, {tenant}")):
            self.select(f"REG_{noun}", columns, values, count)
            link = (f"REG_{noun}_ID, REG_VERSION, REG_PATH_ID, REG_RESOURCE_NAME, REG_TENANT_ID")
            # path and noun have the same tenant when their numbers are equal modulo four
            self.select(f"REG_RESOURCE_{noun}", link,
                        f"n, n + 7, n, {self.pick(['service', None])}, {tenant}",
                        min(count, paths))
            self.select(f"REG_RESOURCE_{noun}", link, f"n, n + 7, n, 'twice', {tenant}", 2)
            self.select(f"REG_RESOURCE_{noun}", link, f"n, n + 7, n, 'twice', {tenant}", 2)
        self.select("REG_ASSOCIATION", "REG_ASSOCIATION_ID, REG_SOURCEPATH, REG_TARGETPATH, "
                    "REG_ASSOCIATION_TYPE, REG_TENANT_ID",
                    f"n, {self.concat(repr('/a/'), self.text('n'))}, "
                    f"{self.concat(repr('/b/'), self.text('n'))}, 'depends', {tenant}", 20)
        self.select("REG_SNAPSHOT", "REG_SNAPSHOT_ID, REG_PATH_ID, REG_RESOURCE_NAME, "
                    "REG_RESOURCE_VIDS, REG_TENANT_ID",
                    f"n, n, NULL, {self.blob('snapshot', '500')}, {tenant}", 4)

    # users, roles, permissions

    def salt(self, *words):
        text = ":".join(str(word) for word in (self.seed, *words))
        return base64.b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode()

    def tenants(self):
        self.rows("UM_TENANT", "UM_ID, UM_DOMAIN_NAME, UM_EMAIL, UM_ACTIVE, UM_CREATED_DATE, "
                  "UM_USER_CONFIG",
                  [(number, name, f"admin@{name}" if number == 1 else None, True,
                    "0000-00-00 00:00:00" if self.zero_dates else "2013-05-02 08:30:00",
                    b"<UserManager><Realm/></UserManager>\x00\xff")
                   for number, name in TENANTS.items()])

    def domains(self):
        """UM_DOMAIN of layout 4.2; (tenant, name) -> id."""
        found = {}
        if self.layout < "4.2":
            return found
        for tenant in [SUPER_TENANT, *TENANTS, LOST_TENANT]:
            for name in ("PRIMARY", "SYSTEM", "INTERNAL"):
                found[tenant, name] = len(found) + 1
        for tenant in [SUPER_TENANT, *TENANTS]:
            found[tenant, "LDAP"] = len(found) + 1
        self.rows("UM_DOMAIN", "UM_DOMAIN_ID, UM_DOMAIN_NAME, UM_TENANT_ID",
                  [(number, name, tenant) for (tenant, name), number in found.items()])
        self.next_id["UM_DOMAIN"] = len(found)
        return found

    def users(self, tenant):
        names = ["admin"] + [f"user{i}" for i in range(1, 26)] + ["o'brien", "d\u00e9l\u00e9gu\u00e9"]
        rows, ids = [], {}
        for name in names:
            ids[name] = self.new_id("UM_USER")
            salt = self.salt("user", tenant, name)
            rows.append((ids[name], name, password_digest("admin" if name == "admin" else name,
                                                          salt), salt, False,
                         "2013-05-03 09:00:00", tenant))
        self.rows("UM_USER", "UM_ID, UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, "
                  "UM_REQUIRE_CHANGE, UM_CHANGED_TIME, UM_TENANT_ID", rows)
        self.rows("UM_USER_ATTRIBUTE", "UM_ID, UM_ATTR_NAME, UM_ATTR_VALUE, UM_PROFILE_ID, "
                  "UM_USER_ID, UM_TENANT_ID",
                  [(self.new_id("UM_USER_ATTRIBUTE"), "mail", value, "default", ids[name], tenant)
                   for name, value in zip(names, self.awkward)])
        return ids

    def roles(self, tenant, users):
        ids, rows, members = {}, [], []
        for name in ("admin", "developer", "operator"):
            ids[name] = self.new_id("UM_ROLE")
            rows.append((ids[name], name, tenant))
        self.rows("UM_ROLE", "UM_ID, UM_ROLE_NAME, UM_TENANT_ID", rows)
        for number, (name, user) in enumerate(users.items()):
            role = "admin" if name == "admin" else ("developer", "operator")[number % 2]
            members.append((self.new_id("UM_USER_ROLE"), ids[role], user, tenant))
        self.rows("UM_USER_ROLE", "UM_ID, UM_ROLE_ID, UM_USER_ID, UM_TENANT_ID", members)
        return ids

    def hybrid(self, tenant, domains):
        role = self.new_id("UM_HYBRID_ROLE")
        self.rows("UM_HYBRID_ROLE", "UM_ID, UM_ROLE_NAME, UM_TENANT_ID", [(role, HYBRID, tenant)])
        rows = []
        for name, store in (("user1", "PRIMARY"), ("carol", "LDAP"), ("dave", "LDAP")):
            number = self.new_id("UM_HYBRID_USER_ROLE")
            if domains:
                rows.append((number, name, role, tenant, domains[tenant, store]))
            else:
                rows.append((number, name if store == "PRIMARY" else f"ldap/{name}", role, tenant))
        if not domains:  # a name that the user store has as well: one set of permissions for both
            shared = self.new_id("UM_HYBRID_ROLE")
            self.rows("UM_HYBRID_ROLE", "UM_ID, UM_ROLE_NAME, UM_TENANT_ID",
                      [(shared, "developer", tenant)])
            rows.append((self.new_id("UM_HYBRID_USER_ROLE"), "user4", shared, tenant))
        self.rows("UM_HYBRID_USER_ROLE", "UM_ID, UM_USER_NAME, UM_ROLE_ID, UM_TENANT_ID"
                  + (", UM_DOMAIN_ID" if domains else ""), rows)

    def permissions(self, tenant, domains, roles):
        ids = []
        for resource, action in PERMISSIONS:
            ids.append((self.new_id("UM_PERMISSION"), resource, action, tenant))
        self.rows("UM_PERMISSION", "UM_ID, UM_RESOURCE_ID, UM_ACTION, UM_TENANT_ID", ids)
        rows = []
        for role, held in roles.items():
            for index, allowed in held.items():
                row = [ids[index][0], role, allowed, tenant]
                if domains:
                    store, cut = self.domain_of(role)
                    row = [ids[index][0], cut, allowed, tenant, domains[tenant, store]]
                rows.append((self.new_id("UM_ROLE_PERMISSION"), *row))
        if not domains:  # several nodes that started at once added rows twice
            rows += [(self.new_id("UM_ROLE_PERMISSION"), *row[1:]) for row in rows[:3]]
        self.rows("UM_ROLE_PERMISSION", "UM_ID, UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED, "
                  "UM_TENANT_ID" + (", UM_DOMAIN_ID" if domains else ""), rows)
        if tenant != LOST_TENANT:
            self.rows("UM_USER_PERMISSION",
                      "UM_ID, UM_PERMISSION_ID, UM_USER_NAME, UM_IS_ALLOWED, UM_TENANT_ID",
                      [(self.new_id("UM_USER_PERMISSION"), ids[11][0], "user2", 1, tenant)])

    @staticmethod
    def domain_of(role):
        if "/" in role:
            store, cut = role.split("/", 1)
            return store.upper(), cut
        if role in ("everyone", HYBRID):
            return "INTERNAL", role
        return ("SYSTEM" if role == "wso2.anonymous.role" else "PRIMARY"), role

    def claims(self, tenant):
        dialect = self.new_id("UM_DIALECT")
        self.rows("UM_DIALECT", "UM_ID, UM_DIALECT_URI, UM_TENANT_ID",
                  [(dialect, "http://wso2.org/claims", tenant)])
        claims = [(self.new_id("UM_CLAIM"), dialect, f"http://wso2.org/claims/{name}", name, None,
                   name, 1, 0, order, tenant)
                  for order, name in enumerate(("emailaddress", "givenname", "lastname"))]
        self.rows("UM_CLAIM", "UM_ID, UM_DIALECT_ID, UM_CLAIM_URI, UM_DISPLAY_TAG, "
                  "UM_DESCRIPTION, UM_MAPPED_ATTRIBUTE, UM_SUPPORTED, UM_REQUIRED, "
                  "UM_DISPLAY_ORDER, UM_TENANT_ID", claims)
        profile = self.new_id("UM_PROFILE_CONFIG")
        self.rows("UM_PROFILE_CONFIG", "UM_ID, UM_DIALECT_ID, UM_PROFILE_NAME, UM_TENANT_ID",
                  [(profile, dialect, "default", tenant)])
        if not (self.kind == "mysql" and self.layout == "4.2"):
            self.rows("UM_CLAIM_BEHAVIOR", "UM_ID, UM_PROFILE_ID, UM_CLAIM_ID, UM_BEHAVIOUR, "
                      "UM_TENANT_ID",
                      [(self.new_id("UM_CLAIM_BEHAVIOR"), profile, claims[0][0], 1, tenant)])

    def of_later_layouts(self, users, roles, domains):
        if self.layout >= "4.1":
            self.rows("UM_MODULE", "UM_ID, UM_MODULE_NAME", [(self.new_id("UM_MODULE"), "module")])
            self.rows("UM_MODULE_ACTIONS", "UM_ACTION, UM_MODULE_ID", [("read", 1), ("write", 1)])
            self.rows("UM_SHARED_USER_ROLE", "UM_ROLE_ID, UM_USER_ID, UM_USER_TENANT_ID, "
                      "UM_ROLE_TENANT_ID", [(roles["developer"], users["user3"], SUPER_TENANT,
                                             SUPER_TENANT)])
            self.rows("UM_ACCOUNT_MAPPING", "UM_ID, UM_USER_NAME, UM_TENANT_ID, "
                      "UM_USER_STORE_DOMAIN, UM_ACC_LINK_ID",
                      [(self.new_id("UM_ACCOUNT_MAPPING"), "user1", 1, None, 1)])
        if domains:
            salt = self.salt("anonymous")
            self.rows("UM_SYSTEM_USER", "UM_ID, UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, "
                      "UM_REQUIRE_CHANGE, UM_CHANGED_TIME, UM_TENANT_ID",
                      [(self.new_id("UM_SYSTEM_USER"), "wso2.anonymous.user",
                        password_digest(self.salt("nobody knows"), salt), salt, False,
                        "2013-05-03 09:00:00", SUPER_TENANT)])
            self.rows("UM_SYSTEM_ROLE", "UM_ID, UM_ROLE_NAME, UM_TENANT_ID",
                      [(self.new_id("UM_SYSTEM_ROLE"), "wso2.anonymous.role", SUPER_TENANT)])
            self.rows("UM_SYSTEM_USER_ROLE", "UM_ID, UM_USER_NAME, UM_ROLE_ID, UM_TENANT_ID",
                      [(self.new_id("UM_SYSTEM_USER_ROLE"), "wso2.anonymous.user", 1,
                        SUPER_TENANT)])

    def people(self):
        self.tenants()
        domains = self.domains()
        first = None
        for tenant in [SUPER_TENANT, *TENANTS]:
            users = self.users(tenant)
            roles = self.roles(tenant, users)
            first = first or (users, roles)
            self.hybrid(tenant, domains)
            self.permissions(tenant, domains, ROLES)
            self.claims(tenant)
        self.permissions(LOST_TENANT, domains, {"admin": {1: 1, 2: 1}})
        self.of_later_layouts(*first, domains)
        self.rows("UM_HYBRID_REMEMBER_ME", "UM_ID, UM_USER_NAME, UM_COOKIE_VALUE, "
                  "UM_CREATED_TIME, UM_TENANT_ID",
                  [(self.new_id("UM_HYBRID_REMEMBER_ME"), "admin", "cookie", "2013-05-04 10:00:00", SUPER_TENANT)])

    # counters

    def counters(self):
        """Every counter stands beyond the rows: people delete."""
        for table, column, sequence in (
                ("REG_LOG", "REG_LOG_ID", "REG_LOG_PK_SEQ"),
                ("REG_PATH", "REG_PATH_ID", "REG_PATH_PK_SEQ"),
                ("REG_CONTENT", "REG_CONTENT_ID", "REG_CONTENT_PK_SEQ"),
                ("REG_RESOURCE", "REG_VERSION", "REG_RESOURCE_PK_SEQ"),
                ("REG_COMMENT", "REG_ID", "REG_COMMENT_PK_SEQ"),
                ("REG_RATING", "REG_ID", "REG_RATING_PK_SEQ"),
                ("REG_TAG", "REG_ID", "REG_TAG_PK_SEQ"),
                ("REG_PROPERTY", "REG_ID", "REG_PROPERTY_PK_SEQ"),
                ("REG_ASSOCIATION", "REG_ASSOCIATION_ID", "REG_ASSOCIATION_PK_SEQ"),
                ("REG_SNAPSHOT", "REG_SNAPSHOT_ID", "REG_SNAPSHOT_PK_SEQ"),
                ("UM_TENANT", "UM_ID", "UM_TENANT_PK_SEQ")):
            if self.kind == "postgresql":
                self.out.append(f"SELECT setval('{sequence}', (SELECT COALESCE(MAX({column}), 0) "
                                f"FROM {table}) + 2000)")
            else:
                self.out.append(f"ALTER TABLE {table} AUTO_INCREMENT = {self.beyond(table)}")
        for table, last in self.next_id.items():
            if self.kind == "postgresql":
                sequence = ("UM_ACCOUNT_MAPPING_SEQ" if table == "UM_ACCOUNT_MAPPING"
                            else f"{table}_PK_SEQ")
                self.out.append(f"SELECT setval('{sequence}', {last + 50})")
            else:
                self.out.append(f"ALTER TABLE {table} AUTO_INCREMENT = {last + 51}")

    @staticmethod
    def beyond(table):
        return 50 if table == "UM_TENANT" else 2_000_000


def statements(layout, kind, megabytes=100, seed=1, charset="utf8mb4", zero_dates=False):
    """The whole SQL text; for a database that layouts.create() made, nothing else in it."""
    filler = Filler(layout, kind, seed, charset, zero_dates)
    filler.registry(megabytes)
    filler.people()
    filler.counters()
    if kind == "mysql":
        before = ["SET SESSION time_zone = '+00:00'", "SET NAMES utf8mb4",
                  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'", "BEGIN"]
    else:
        before = ["SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on", "BEGIN"]
    return ";\n\n".join(before + filler.out + ["COMMIT"]) + ";\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("layout", choices=("4.0", "4.1", "4.2"))
    parser.add_argument("kind", choices=("mysql", "postgresql"))
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--charset", default="utf8mb4")
    parser.add_argument("--zero-dates", action="store_true")
    options = parser.parse_args()
    sys.stdout.write(statements(options.layout, options.kind, options.megabytes, options.seed,
                                options.charset, options.zero_dates))


if __name__ == "__main__":
    main()
