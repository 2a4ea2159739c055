#include "tests/component/copy_lab.h"

#include "agent/handlers/copy/copy.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"

static const char *const mysql_source[] = {
    "CREATE TABLE parent (id INT AUTO_INCREMENT, tenant INT NOT NULL DEFAULT 0,"
    " name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
    " latin VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_general_cs DEFAULT 'x\\'y',"
    " PRIMARY KEY (id, tenant), UNIQUE KEY one_name (name, tenant),"
    " KEY twice (latin), KEY twice_again (latin)) ENGINE=InnoDB AUTO_INCREMENT=5000"
    " DEFAULT CHARSET=latin1 COMMENT='a; comment'",
    "CREATE TABLE child (parent_id INT, tenant INT, value VARCHAR(50),"
    " CONSTRAINT child_parent FOREIGN KEY (parent_id, tenant) REFERENCES parent (id, tenant)"
    " ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE odd (a INT NOT NULL, b LONGBLOB, c TEXT CHARACTER SET utf8mb4,"
    " d TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', e DATETIME(6), f FLOAT, g DOUBLE,"
    " h DECIMAL(30,10), i BIT(9), j ENUM('it''s','b'), k SET('x','y'), l YEAR, m TIME(3),"
    " n TINYINT(1), o BIGINT UNSIGNED, p BINARY(4), q CHAR(5), s INT AS (a * 2) STORED,"
    " `select` VARCHAR(10), u VARCHAR(20) CHARACTER SET ucs2, PRIMARY KEY (a))",
    "CREATE TABLE counter_second (tenant INT NOT NULL, id INT NOT NULL AUTO_INCREMENT,"
    " PRIMARY KEY (tenant, id), KEY by_id (id)) ENGINE=InnoDB AUTO_INCREMENT=77",
    "CREATE TABLE `emp``ty` (a INT)",
    "CREATE VIEW seen AS SELECT id FROM parent",
    "CREATE PROCEDURE tidy() DELETE FROM child",
    "CREATE TRIGGER watch BEFORE INSERT ON child FOR EACH ROW SET NEW.value = NEW.value",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM child",
    "INSERT INTO parent (id, tenant, name, latin) VALUES (0, -1234, 'zero', NULL),"
    " (1, -1234, 'admin', ''), (-7, 1, _utf8mb4 X'F09F98802720', _latin1 X'E9FF'),"
    " (3, 1, 'it''s \\\\ \\\\N \"q\" \\t \\n \\0 end', 'NULL')",
    "INSERT INTO child VALUES (1, -1234, 'twin'), (1, -1234, 'twin'), (NULL, NULL, NULL),"
    " (3, 1, '')",
    "INSERT INTO odd (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, `select`, u) VALUES"
    " (-1234, X'00FF270A0D5C1A22', '', '0000-00-00 00:00:00', '2014-02-28 23:59:59.123456',"
    "  1.2345678, 0.1, '-12345678901234567890.0123456789', b'101010101', 'it''s', 'x,y', 0,"
    "  '-12:34:56.789', 1, 18446744073709551615, X'00010200', 'ab', NULL, 'é'),"
    " (2, '', NULL, '2014-03-30 01:30:00', '0000-00-00 00:00:00', -3.4e38, 1e308, 0, 0, NULL, '',"
    "  2014, NULL, 0, 0, '', '', '', NULL)",
    "INSERT INTO odd (a, b, c) VALUES (3, REPEAT(X'0027', 300000), REPEAT('\\'', 1000))",
    NULL,
};

static const char *const pg_source[] = {
    "CREATE SEQUENCE parent_pk_seq START 5 INCREMENT 2 CACHE 3",
    "CREATE TABLE parent (id int DEFAULT nextval('parent_pk_seq'), tenant int NOT NULL DEFAULT 0,"
    " name varchar(100) NOT NULL, note text COLLATE \"C\", PRIMARY KEY (id, tenant),"
    " UNIQUE (name, tenant), CHECK (tenant > -2000)) WITH (fillfactor=90)",
    "CREATE INDEX by_note ON parent (lower(note)) WHERE note IS NOT NULL",
    "CREATE TABLE child (parent_id int, tenant int, value varchar(50),"
    " CONSTRAINT child_parent FOREIGN KEY (parent_id, tenant) REFERENCES parent ON DELETE CASCADE)",
    "CREATE TABLE odd (a int PRIMARY KEY, b bytea, c text, d timestamp, e timestamptz,"
    " f real, g double precision, h numeric, i boolean, j bit varying(9), k int[], l jsonb, m uuid,"
    " n interval, o bigserial, p int GENERATED ALWAYS AS IDENTITY (START 50), q char(5),"
    " s int GENERATED ALWAYS AS (a * 2) STORED, \"Select \" varchar(10), t regclass)",
    "CREATE TABLE dropped (a int, b int, c int)",
    "ALTER TABLE dropped DROP COLUMN b",
    "CREATE TABLE \"Emp\"\"ty\" (a int)",
    "CREATE SCHEMA other",
    "CREATE TABLE other.parent (a int PRIMARY KEY)",
    "ALTER TABLE odd ALTER COLUMN b SET STORAGE EXTERNAL, ALTER COLUMN c SET COMPRESSION pglz",
    "COMMENT ON COLUMN odd.b IS 'it''s'",
    "GRANT SELECT ON parent TO PUBLIC",
    "CREATE VIEW seen AS SELECT id FROM parent",
    "CREATE FUNCTION tidy() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "INSERT INTO parent VALUES (0, -1234, 'zero', NULL), (1, -1234, 'admin', ''),"
    " (-7, 1, E'\\U0001F600'' ', 'x'), (3, 1, E'it''s \\\\ \\\\N \"q\" \\t \\n \\r end', 'NULL')",
    "SELECT nextval('parent_pk_seq'), nextval('parent_pk_seq')",
    "INSERT INTO child VALUES (1, -1234, 'twin'), (1, -1234, 'twin'), (NULL, NULL, NULL), (3, 1, "
    "'')",
    "INSERT INTO odd (a, b, c, d, e, f, g, h, i, j, k, l, m, n, q, \"Select \", t) VALUES"
    " (-1234, '\\x00ff270a0d5c1a22', '', '0044-03-15 00:00:00 BC', '2014-02-28 "
    "23:59:59.123456+05:30',"
    "  1.2345678, 'NaN', '-12345678901234567890.0123456789', true, B'101', '{1,NULL,3}',"
    "  '{\"a\": [1, \"\\u00e9\"]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '-1 mon 2 days', 'ab', "
    "NULL,"
    "  'pg_class'), (2, '', NULL, 'infinity', NULL, '-Infinity', 1e308, 'NaN', false, B'', '{}', "
    "'null',"
    "  NULL, NULL, '', '', NULL)",
    "INSERT INTO odd (a, b) VALUES (3, decode(repeat('0027', 300000), 'hex'))",
    "INSERT INTO dropped VALUES (1, 2)",
    "INSERT INTO other.parent VALUES (1)",
    NULL,
};

static void fill(Database *database, const char *const *statements)
{
    for (size_t i = 0; statements[i]; i++)
        lab_run(database, "%s", statements[i]);
}

CopyLab *copy_lab_new(DatabaseType type)
{
    CopyLab *lab = memory_new(sizeof(*lab));

    lab->database = lab_database(type, "copied");
    lab_create(lab->database, SIDE_PRODUCTION);
    lab_create(lab->database, SIDE_STAGING);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    lab->staging = lab_open(lab->database, SIDE_STAGING);
    fill(lab->production, type == DATABASE_MYSQL ? mysql_source : pg_source);
    lab->config = (AgentConfig){ .databases = lab->database, .database_count = 1 };
    lab->agent = lab_agent_new(&lab->config, NULL);
    lab->command = (Command){ .kind = COMMAND_COPY_DATABASE,
        .id = { .run = "run-1", .step = 1, .attempt = 1 },
        .target = "copied",
        .deadline_s = 60 };
    return lab;
}

void copy_lab_free(CopyLab *lab)
{
    database_close(lab->production);
    database_close(lab->staging);
    lab_agent_free(lab->agent);
    free(lab);
}

void copy_lab_both(void (*test)(DatabaseType type))
{
    test(DATABASE_MYSQL);
    test(DATABASE_POSTGRESQL);
}

/* Ids on both sides of 0 and at the ends, gaps, a key that may be NULL, a table without any. */
void copy_lab_add_chunky(CopyLab *lab)
{
    const bool mysql = lab->database->type == DATABASE_MYSQL;

    lab_run(lab->production, "CREATE TABLE chunky (id BIGINT PRIMARY KEY, note VARCHAR(200))");
    lab_run(lab->production, "CREATE TABLE keyless (ref INT, note VARCHAR(200))");
    lab_run(lab->production, "CREATE INDEX keyless_ref ON keyless (ref)");
    for (int i = -200; i < 200; i++) {
        lab_run(lab->production, "INSERT INTO chunky VALUES (%d, REPEAT('x', 190))",
            i < 150 ? i : 1000000 * i);
        lab_run(lab->production, "INSERT INTO keyless VALUES (%s, REPEAT('y', 190))",
            i % 5 == 0 ? "NULL" : "7");
    }
    lab_run(lab->production, "INSERT INTO keyless SELECT %s, note FROM chunky",
        mysql ? "id % 100" : "(id % 100)::int");
    lab_run(lab->production, "INSERT INTO chunky VALUES (-9223372036854775807, 'least'),"
                             " (9223372036854775807, 'most')");
    lab_run(lab->production, mysql ? "ANALYZE TABLE chunky, keyless" : "ANALYZE chunky, keyless");
}

static bool apply_in_small_steps(AgentIo *io, const Command *command, Error *error)
{
    CopyTuning tuning = copy_tuning_default;

    tuning.chunk = (ChunkSize){ .bytes = 4096, .rows = 2 };
    tuning.part_pages = 1;
    tuning.entry_chunks = 1;
    return copy_apply(io, command, &tuning, error);
}

Handler copy_lab_small_steps(void)
{
    Handler handler = handler_copy_database;

    handler.apply = apply_in_small_steps;
    return handler;
}
