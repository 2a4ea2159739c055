#!/usr/bin/env python3
"""CREATE scripts of the Carbon layouts 4.0, 4.1 and 4.2, made from one description.

    layouts.py 4.0 mysql       prints the script
    layouts.create(layout, kind) -> str, for kind "mysql" or "postgresql"

The scripts drop nothing. What differs between the servers is in the description: a length
"750/2000" is MySQL's and PostgreSQL's, "unique-mysql" exists there only.
"""
import re
import sys

LAYOUTS = ("4.0", "4.1", "4.2")
T = "REG_TENANT_ID int nn=0"
T_NULL = "REG_TENANT_ID int=0"
U = "UM_TENANT_ID int nn=0"
RESOURCE_COLUMNS = ("REG_MEDIA_TYPE v500; REG_CREATOR v31/20 nn; REG_CREATED_TIME ts nn; "
                    "REG_LAST_UPDATOR v31/20; REG_LAST_UPDATED_TIME ts nn; "
                    "REG_DESCRIPTION v1000; REG_CONTENT_ID int")
LINK_COLUMNS = f"REG_VERSION int; REG_PATH_ID int; REG_RESOURCE_NAME v256; {T_NULL}"
USER_COLUMNS = ("UM_ID int ai; UM_USER_NAME v255 nn; UM_USER_PASSWORD v255 nn; "
                f"UM_SALT_VALUE v31; UM_REQUIRE_CHANGE bool=0; UM_CHANGED_TIME ts nn; {U}")
DOMAIN_KEY = "UM_DOMAIN_ID UM_TENANT_ID > UM_DOMAIN UM_DOMAIN_ID UM_TENANT_ID cascade"
PATH_KEY = "REG_PATH_ID REG_TENANT_ID > REG_PATH REG_PATH_ID REG_TENANT_ID"

# In the order of creation: parents first. "4.1+" before a column or a key: from that layout on;
# "4.1-": up to it.
DESCRIPTION = f"""
REG_CLUSTER_LOCK
    columns REG_LOCK_NAME v20 nn; REG_LOCK_STATUS v20; REG_LOCKED_TIME ts; {T_NULL}
    key REG_LOCK_NAME
REG_LOG
    columns REG_LOG_ID int ai; REG_PATH v750/2000; REG_USER_ID v31/20 nn; REG_LOGGED_TIME ts nn; REG_ACTION int nn; REG_ACTION_DATA v500; {T}
    key REG_LOG_ID REG_TENANT_ID
    sequence REG_LOG_PK_SEQ
REG_PATH
    columns REG_PATH_ID int ai; REG_PATH_VALUE v750/2000 nn; REG_PATH_PARENT_ID int; {T}
    key REG_PATH_ID REG_TENANT_ID
    index REG_PATH_IND_BY_PATH_VALUE: REG_PATH_VALUE REG_TENANT_ID
    index REG_PATH_IND_BY_PATH_PARENT_ID: REG_PATH_PARENT_ID REG_TENANT_ID
    sequence REG_PATH_PK_SEQ
REG_CONTENT
    columns REG_CONTENT_ID int ai; REG_CONTENT_DATA blob; {T}
    key REG_CONTENT_ID REG_TENANT_ID
    sequence REG_CONTENT_PK_SEQ
REG_CONTENT_HISTORY
    columns REG_CONTENT_ID int nn; REG_CONTENT_DATA blob; REG_DELETED smallint; {T}
    key REG_CONTENT_ID REG_TENANT_ID
REG_RESOURCE
    columns REG_PATH_ID int nn; REG_NAME v256; REG_VERSION int ai; {RESOURCE_COLUMNS}; {T}; REG_UUID v100 nn
    key REG_VERSION REG_TENANT_ID
    foreign {PATH_KEY}
    foreign REG_CONTENT_ID REG_TENANT_ID > REG_CONTENT REG_CONTENT_ID REG_TENANT_ID
    index REG_RESOURCE_IND_BY_NAME: REG_NAME REG_TENANT_ID
    index REG_RESOURCE_IND_BY_PATH_ID_NAME: REG_PATH_ID REG_NAME REG_TENANT_ID
    index REG_RESOURCE_HISTORY_IND_BY_PATH_ID_NAME: REG_PATH_ID REG_NAME REG_TENANT_ID
    sequence REG_RESOURCE_PK_SEQ
REG_RESOURCE_HISTORY
    columns REG_PATH_ID int nn; REG_NAME v256; REG_VERSION int nn; {RESOURCE_COLUMNS}; REG_DELETED smallint; {T}; REG_UUID v100 nn
    key REG_VERSION REG_TENANT_ID
    foreign {PATH_KEY}
    foreign REG_CONTENT_ID REG_TENANT_ID > REG_CONTENT_HISTORY REG_CONTENT_ID REG_TENANT_ID
    index REG_RESOURCE_HISTORY_IND_BY_NAME: REG_NAME REG_TENANT_ID
REG_COMMENT
    columns REG_ID int ai; REG_COMMENT_TEXT v500 nn; REG_USER_ID v31/20 nn; REG_COMMENTED_TIME ts nn; {T}
    key REG_ID REG_TENANT_ID
    sequence REG_COMMENT_PK_SEQ
REG_RESOURCE_COMMENT
    columns REG_COMMENT_ID int nn; {LINK_COLUMNS}
    foreign {PATH_KEY}
    foreign REG_COMMENT_ID REG_TENANT_ID > REG_COMMENT REG_ID REG_TENANT_ID
    index REG_RESOURCE_COMMENT_IND_BY_PATH: REG_PATH_ID REG_RESOURCE_NAME REG_TENANT_ID
    index REG_RESOURCE_COMMENT_IND_BY_VERSION: REG_VERSION REG_TENANT_ID
REG_RATING
    columns REG_ID int ai; REG_RATING int nn; REG_USER_ID v31/20 nn; REG_RATED_TIME ts nn; {T}
    key REG_ID REG_TENANT_ID
    sequence REG_RATING_PK_SEQ
REG_RESOURCE_RATING
    columns REG_RATING_ID int nn; {LINK_COLUMNS}
    foreign {PATH_KEY}
    foreign REG_RATING_ID REG_TENANT_ID > REG_RATING REG_ID REG_TENANT_ID
    index REG_RESOURCE_RATING_IND_BY_PATH: REG_PATH_ID REG_RESOURCE_NAME REG_TENANT_ID
    index REG_RESOURCE_RATING_IND_BY_VERSION: REG_VERSION REG_TENANT_ID
REG_TAG
    columns REG_ID int ai; REG_TAG_NAME v500 nn; REG_USER_ID v31/20 nn; REG_TAGGED_TIME ts nn; {T}
    key REG_ID REG_TENANT_ID
    sequence REG_TAG_PK_SEQ
REG_RESOURCE_TAG
    columns REG_TAG_ID int nn; {LINK_COLUMNS}
    foreign {PATH_KEY}
    foreign REG_TAG_ID REG_TENANT_ID > REG_TAG REG_ID REG_TENANT_ID
    index REG_RESOURCE_TAG_IND_BY_PATH: REG_PATH_ID REG_RESOURCE_NAME REG_TENANT_ID
    index REG_RESOURCE_TAG_IND_BY_VERSION: REG_VERSION REG_TENANT_ID
REG_PROPERTY
    columns REG_ID int ai; REG_NAME v100 nn; REG_VALUE v1000; {T}
    key REG_ID REG_TENANT_ID
    sequence REG_PROPERTY_PK_SEQ
REG_RESOURCE_PROPERTY
    columns REG_PROPERTY_ID int nn; {LINK_COLUMNS}
    foreign {PATH_KEY}
    foreign REG_PROPERTY_ID REG_TENANT_ID > REG_PROPERTY REG_ID REG_TENANT_ID
    index REG_RESOURCE_PROPERTY_IND_BY_PATH: REG_PATH_ID REG_RESOURCE_NAME REG_TENANT_ID
    index REG_RESOURCE_PROPERTY_IND_BY_VERSION: REG_VERSION REG_TENANT_ID
REG_ASSOCIATION
    columns REG_ASSOCIATION_ID int ai; REG_SOURCEPATH v750/2000 nn; REG_TARGETPATH v750/2000 nn; REG_ASSOCIATION_TYPE v2000 nn; {T}
    key REG_ASSOCIATION_ID REG_TENANT_ID
    sequence REG_ASSOCIATION_PK_SEQ
REG_SNAPSHOT
    columns REG_SNAPSHOT_ID int ai; REG_PATH_ID int nn; REG_RESOURCE_NAME v255; REG_RESOURCE_VIDS blob nn; {T}
    key REG_SNAPSHOT_ID REG_TENANT_ID
    foreign {PATH_KEY}
    index REG_SNAPSHOT_IND_BY_PATH: REG_PATH_ID REG_RESOURCE_NAME REG_TENANT_ID
    sequence REG_SNAPSHOT_PK_SEQ
UM_TENANT
    columns UM_ID int ai; UM_DOMAIN_NAME v255 nn; UM_EMAIL v255; UM_ACTIVE bool=0; UM_CREATED_DATE ts nn; UM_USER_CONFIG blob
    key UM_ID
    unique UM_DOMAIN_NAME
    unique-index-mysql INDEX_UM_TENANT_UM_DOMAIN_NAME: UM_DOMAIN_NAME
    index-postgresql INDEX_UM_TENANT_UM_DOMAIN_NAME: UM_DOMAIN_NAME
    sequence UM_TENANT_PK_SEQ
UM_DOMAIN 4.2+
    columns UM_DOMAIN_ID int ai; UM_DOMAIN_NAME v255; {U}
    key UM_DOMAIN_ID UM_TENANT_ID
    sequence UM_DOMAIN_PK_SEQ
UM_USER
    columns {USER_COLUMNS}
    key UM_ID UM_TENANT_ID
    unique UM_USER_NAME UM_TENANT_ID
    sequence UM_USER_PK_SEQ
UM_SYSTEM_USER 4.2+
    columns {USER_COLUMNS}
    key UM_ID UM_TENANT_ID
    unique UM_USER_NAME UM_TENANT_ID
    sequence UM_SYSTEM_USER_PK_SEQ
UM_ROLE
    columns UM_ID int ai; UM_ROLE_NAME v255 nn; {U}; 4.1+ UM_SHARED_ROLE bool=0
    key UM_ID UM_TENANT_ID
    unique UM_ROLE_NAME UM_TENANT_ID
    sequence UM_ROLE_PK_SEQ
UM_MODULE 4.1+
    columns UM_ID int ai; UM_MODULE_NAME v100
    key UM_ID
    unique UM_MODULE_NAME
    sequence UM_MODULE_PK_SEQ
UM_MODULE_ACTIONS 4.1+
    columns UM_ACTION v255 nn; UM_MODULE_ID int nn
    key UM_ACTION UM_MODULE_ID
    foreign UM_MODULE_ID > UM_MODULE UM_ID cascade
UM_PERMISSION
    columns UM_ID int ai; UM_RESOURCE_ID v255 nn; UM_ACTION v255 nn; {U}; 4.1+ UM_MODULE_ID int=0
    key UM_ID UM_TENANT_ID
    index INDEX_UM_PERMISSION_UM_RESOURCE_ID_UM_ACTION: UM_RESOURCE_ID UM_ACTION UM_TENANT_ID
    sequence UM_PERMISSION_PK_SEQ
UM_ROLE_PERMISSION
    columns UM_ID int ai; UM_PERMISSION_ID int nn; UM_ROLE_NAME v255 nn; UM_IS_ALLOWED smallint nn; {U}; 4.2+ UM_DOMAIN_ID int
    key UM_ID UM_TENANT_ID
    4.2+ unique-mysql UM_PERMISSION_ID UM_ROLE_NAME UM_TENANT_ID UM_DOMAIN_ID
    foreign UM_PERMISSION_ID UM_TENANT_ID > UM_PERMISSION UM_ID UM_TENANT_ID
    4.2+ foreign {DOMAIN_KEY}
    sequence UM_ROLE_PERMISSION_PK_SEQ
UM_USER_PERMISSION
    columns UM_ID int ai; UM_PERMISSION_ID int nn; UM_USER_NAME v255 nn; UM_IS_ALLOWED smallint nn; {U}
    key UM_ID UM_TENANT_ID
    foreign UM_PERMISSION_ID UM_TENANT_ID > UM_PERMISSION UM_ID UM_TENANT_ID
    sequence UM_USER_PERMISSION_PK_SEQ
UM_USER_ROLE
    columns UM_ID int ai; UM_ROLE_ID int nn; UM_USER_ID int nn; {U}
    key UM_ID UM_TENANT_ID
    unique UM_USER_ID UM_ROLE_ID UM_TENANT_ID
    foreign UM_ROLE_ID UM_TENANT_ID > UM_ROLE UM_ID UM_TENANT_ID
    foreign UM_USER_ID UM_TENANT_ID > UM_USER UM_ID UM_TENANT_ID
    sequence UM_USER_ROLE_PK_SEQ
UM_SHARED_USER_ROLE 4.1+
    columns UM_ROLE_ID int nn; UM_USER_ID int nn; UM_USER_TENANT_ID int nn; UM_ROLE_TENANT_ID int nn
    unique UM_USER_ID UM_ROLE_ID UM_USER_TENANT_ID UM_ROLE_TENANT_ID
    foreign UM_ROLE_ID UM_ROLE_TENANT_ID > UM_ROLE UM_ID UM_TENANT_ID cascade
    foreign UM_USER_ID UM_USER_TENANT_ID > UM_USER UM_ID UM_TENANT_ID cascade
UM_ACCOUNT_MAPPING 4.1+
    columns UM_ID int ai; UM_USER_NAME v255 nn; UM_TENANT_ID int nn; UM_USER_STORE_DOMAIN v100; UM_ACC_LINK_ID int nn
    key UM_ID
    unique UM_USER_NAME UM_TENANT_ID UM_USER_STORE_DOMAIN UM_ACC_LINK_ID
    foreign UM_TENANT_ID > UM_TENANT UM_ID cascade
    sequence UM_ACCOUNT_MAPPING_SEQ
UM_USER_ATTRIBUTE
    columns UM_ID int ai; UM_ATTR_NAME v255 nn; UM_ATTR_VALUE v1024; UM_PROFILE_ID v255; UM_USER_ID int; {U}
    key UM_ID UM_TENANT_ID
    foreign UM_USER_ID UM_TENANT_ID > UM_USER UM_ID UM_TENANT_ID
    sequence UM_USER_ATTRIBUTE_PK_SEQ
UM_DIALECT
    columns UM_ID int ai; UM_DIALECT_URI v255 nn; {U}
    key UM_ID UM_TENANT_ID
    unique UM_DIALECT_URI UM_TENANT_ID
    sequence UM_DIALECT_PK_SEQ
UM_CLAIM
    columns UM_ID int ai; UM_DIALECT_ID int nn; UM_CLAIM_URI v255 nn; UM_DISPLAY_TAG v255; UM_DESCRIPTION v255; 4.2+ UM_MAPPED_ATTRIBUTE_DOMAIN v255; UM_MAPPED_ATTRIBUTE v255; UM_REG_EX v255; UM_SUPPORTED smallint; UM_REQUIRED smallint; UM_DISPLAY_ORDER int; 4.1+ UM_CHECKED_ATTRIBUTE smallint; 4.1+ UM_READ_ONLY smallint; {U}
    key UM_ID UM_TENANT_ID
    4.1- unique UM_DIALECT_ID UM_CLAIM_URI UM_TENANT_ID
    4.2+ unique-mysql UM_DIALECT_ID UM_CLAIM_URI UM_TENANT_ID UM_MAPPED_ATTRIBUTE_DOMAIN
    4.2+ unique-postgresql UM_DIALECT_ID UM_CLAIM_URI UM_TENANT_ID
    foreign UM_DIALECT_ID UM_TENANT_ID > UM_DIALECT UM_ID UM_TENANT_ID
    sequence UM_CLAIM_PK_SEQ
UM_PROFILE_CONFIG
    columns UM_ID int ai; UM_DIALECT_ID int nn; UM_PROFILE_NAME v255; {U}
    key UM_ID UM_TENANT_ID
    foreign UM_DIALECT_ID UM_TENANT_ID > UM_DIALECT UM_ID UM_TENANT_ID
    sequence UM_PROFILE_CONFIG_PK_SEQ
UM_CLAIM_BEHAVIOR not-4.2-mysql
    columns UM_ID int ai; UM_PROFILE_ID int; UM_CLAIM_ID int; UM_BEHAVIOUR smallint; {U}
    key UM_ID UM_TENANT_ID
    foreign UM_PROFILE_ID UM_TENANT_ID > UM_PROFILE_CONFIG UM_ID UM_TENANT_ID
    foreign UM_CLAIM_ID UM_TENANT_ID > UM_CLAIM UM_ID UM_TENANT_ID
    sequence UM_CLAIM_BEHAVIOR_PK_SEQ
UM_HYBRID_ROLE
    columns UM_ID int ai; UM_ROLE_NAME v255; {U}
    key UM_ID UM_TENANT_ID
    sequence UM_HYBRID_ROLE_PK_SEQ
UM_HYBRID_USER_ROLE
    columns UM_ID int ai; UM_USER_NAME v255; UM_ROLE_ID int nn; {U}; 4.2+ UM_DOMAIN_ID int
    key UM_ID UM_TENANT_ID
    4.1- unique UM_USER_NAME UM_ROLE_ID UM_TENANT_ID
    4.2+ unique-mysql UM_USER_NAME UM_ROLE_ID UM_TENANT_ID UM_DOMAIN_ID
    4.2+ unique-postgresql UM_USER_NAME UM_ROLE_ID UM_TENANT_ID
    foreign UM_ROLE_ID UM_TENANT_ID > UM_HYBRID_ROLE UM_ID UM_TENANT_ID
    4.2+ foreign {DOMAIN_KEY}
    sequence UM_HYBRID_USER_ROLE_PK_SEQ
UM_SYSTEM_ROLE 4.2+
    columns UM_ID int ai; UM_ROLE_NAME v255; {U}
    key UM_ID UM_TENANT_ID
    sequence UM_SYSTEM_ROLE_PK_SEQ
UM_SYSTEM_USER_ROLE 4.2+
    columns UM_ID int ai; UM_USER_NAME v255; UM_ROLE_ID int nn; {U}
    key UM_ID UM_TENANT_ID
    unique UM_USER_NAME UM_ROLE_ID UM_TENANT_ID
    foreign UM_ROLE_ID UM_TENANT_ID > UM_SYSTEM_ROLE UM_ID UM_TENANT_ID
    sequence UM_SYSTEM_USER_ROLE_PK_SEQ
UM_HYBRID_REMEMBER_ME
    columns UM_ID int ai; UM_USER_NAME v255 nn; UM_COOKIE_VALUE v1024; UM_CREATED_TIME ts; {U}
    key UM_ID UM_TENANT_ID
    sequence UM_HYBRID_REMEMBER_ME_PK_SEQ
"""

TYPES = {
    "mysql": {"int": "INTEGER", "smallint": "SMALLINT", "ts": "TIMESTAMP", "bool": "TINYINT(1)",
              "blob": "LONGBLOB"},
    "postgresql": {"int": "INTEGER", "smallint": "SMALLINT", "ts": "TIMESTAMP", "bool": "BOOLEAN",
                   "blob": "BYTEA"},
}


def applies(mark, layout, kind):
    if mark == "not-4.2-mysql":
        return not (layout == "4.2" and kind == "mysql")
    return layout >= mark[:-1] if mark.endswith("+") else layout <= mark[:-1]


def split_mark(text):
    """"4.1+ rest" -> (mark, rest); mark None when there is none."""
    found = re.match(r"(\d\.\d[+-])\s+(.*)", text, re.S)
    return (found.group(1), found.group(2)) if found else (None, text)


def parse():
    """[(table, mark or None, [(mark, word, rest)])]"""
    tables = []
    for line in DESCRIPTION.split("\n"):
        if not line.strip():
            continue
        if not line.startswith(" "):
            name, *mark = line.split()
            tables.append((name, mark[0] if mark else None, []))
            continue
        mark, rest = split_mark(line.strip())
        word, value = rest.split(" ", 1)
        tables[-1][2].append((mark, word, value))
    return tables


def tables_of(layout, kind):
    """The names of the tables of a layout, parents first."""
    return [name for name, mark, _ in parse() if not mark or applies(mark, layout, kind)]


def column_sql(column, kind, sequence):
    words = column.replace("=", " =").split()
    name, kind_word, rest = words[0], words[1], words[2:]
    if kind_word.startswith("v"):
        mysql, _, postgresql = kind_word[1:].partition("/")
        sql = f"VARCHAR({postgresql if postgresql and kind == 'postgresql' else mysql})"
    else:
        sql = TYPES[kind][kind_word]
    for word in rest:
        if word == "nn":
            sql += " NOT NULL"
        elif word == "ai":
            sql += " NOT NULL AUTO_INCREMENT" if kind == "mysql" else (
                f" DEFAULT NEXTVAL('{sequence}')")
        else:
            value = word[1:]
            if kind_word == "bool" and kind == "postgresql":
                value = "TRUE" if value == "1" else "FALSE"
            sql += f" DEFAULT {value}"
    return f"{name} {sql}"


def names(text):
    return ", ".join(text.split())


def foreign_sql(text):
    own, _, other = text.partition(" > ")
    target, *columns = other.split()
    cascade = columns[-1] == "cascade"
    columns = columns[:-1] if cascade else columns
    return (f"FOREIGN KEY ({names(own)}) REFERENCES {target} ({', '.join(columns)})"
            + (" ON DELETE CASCADE" if cascade else ""))


def table_sql(name, lines, layout, kind):
    held = [(word, value) for mark, word, value in lines
            if (not mark or applies(mark, layout, kind))
            and not word.endswith({"mysql": "-postgresql", "postgresql": "-mysql"}[kind])]
    sequence = next((value for word, value in held if word == "sequence"), None)
    inside, after = [], []
    for word, value in held:
        word = word.removesuffix("-" + kind)
        if word == "columns":
            for column in value.split(";"):
                mark, column = split_mark(column.strip())
                if not mark or applies(mark, layout, kind):
                    inside.append(column_sql(column, kind, sequence))
        elif word == "key":
            inside.append(f"PRIMARY KEY ({names(value)})")
        elif word == "unique":
            inside.append(f"UNIQUE ({names(value)})")
        elif word == "foreign":
            inside.append(foreign_sql(value))
        elif word in ("index", "unique-index"):
            index, _, columns = value.partition(": ")
            after.append(f"CREATE {'UNIQUE ' if word != 'index' else ''}INDEX {index} ON {name} "
                         f"({names(columns)});\n")
    before = f"CREATE SEQUENCE {sequence};\n" if sequence and kind == "postgresql" else ""
    engine = " ENGINE INNODB" if kind == "mysql" else ""
    return before + f"CREATE TABLE {name} (\n    " + ",\n    ".join(inside) + f"\n){engine};\n" + (
        "".join(after))


def create(layout, kind):
    """The whole script."""
    assert layout in LAYOUTS and kind in TYPES
    return "\n".join(table_sql(name, lines, layout, kind) for name, mark, lines in parse()
                     if not mark or applies(mark, layout, kind))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in LAYOUTS or sys.argv[2] not in TYPES:
        sys.exit(__doc__)
    print(create(sys.argv[1], sys.argv[2]), end="")
