#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/copy/copy.h"
#include "agent/handlers/copy/difference.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

/* One database on both servers of a type, an agent that may touch it, a run. */
typedef struct Lab {
    const AgentDatabase *database;
    AgentConfig config;
    LabAgent *agent;
    Command command;
    Database *production, *staging;
} Lab;

static bool apply_in_small_steps(AgentIo *io, const Command *command, Error *error)
{
    CopyTuning tuning = copy_tuning_default;

    tuning.chunk = (ChunkSize){ .bytes = 4096, .rows = 2 };
    tuning.part_pages = 1;
    tuning.entry_chunks = 1;
    return copy_apply(io, command, &tuning, error);
}

/* copy-database with chunks of a row or two, each with an entry of its own in the ledger. */
static Handler small_steps(void)
{
    Handler handler = handler_copy_database;

    handler.apply = apply_in_small_steps;
    return handler;
}

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

static Lab *lab_new(DatabaseType type)
{
    Lab *lab = memory_new(sizeof(*lab));

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

static void lab_free(Lab *lab)
{
    database_close(lab->production);
    database_close(lab->staging);
    lab_agent_free(lab->agent);
    free(lab);
}
DEFINE_AUTO(Lab, lab_free)

static void for_both_types(void (*test)(DatabaseType type))
{
    test(DATABASE_MYSQL);
    test(DATABASE_POSTGRESQL);
}

static void copies_exactly(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(again);

    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    assert_string_equal(facts_get(&evidence, "tables"), type == DATABASE_MYSQL ? "5" : "6");
    assert_string_equal(facts_get(&evidence, "rows"), type == DATABASE_MYSQL ? "11" : "13");
    assert_non_null(strstr(facts_get(&evidence, "table:parent"), "rows=4 digest="));
    assert_string_equal(facts_get(&evidence, "not-copied:view"), "seen");
    if (type == DATABASE_MYSQL) {
        assert_string_equal(facts_get(&evidence, "not-copied:trigger"), "watch");
        assert_string_equal(facts_get(&evidence, "not-copied:procedure"), "tidy");
        assert_string_equal(facts_get(&evidence, "not-copied:event"), "nightly");
    } else {
        assert_string_equal(facts_get(&evidence, "not-copied:function"), "tidy");
    }
    assert_int_equal(lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &again),
        RESULT_ALREADY);
    assert_string_equal(facts_get(&again, "digest"), facts_get(&evidence, "digest"));
}

static void a_copy_equals_its_source_whatever_the_values(void **state)
{
    (void)state;
    for_both_types(copies_exactly);
}

/* The same questions to both sides, asked apart from the code under test. */
static void answers_are_equal(Lab *lab, const char *const *questions)
{
    for (size_t i = 0; questions[i]; i++) {
        AUTO_TEXT *production = lab_value(lab->production, "%s", questions[i]);
        AUTO_TEXT *staging = lab_value(lab->staging, "%s", questions[i]);

        assert_string_not_equal(production, "NULL");
        assert_string_equal(production, staging);
    }
}

static void mysql_server_itself_sees_no_difference(void **state)
{
    static const char *const questions[] = {
        "SELECT GROUP_CONCAT(MD5(CONCAT_WS('|', a, HEX(b), HEX(c), d, e, HEX(f * 1e0), g, h, i + "
        "0, j, k, l,"
        " m, n, o, HEX(p), HEX(q), s, `select`, HEX(u), c IS NULL, u IS NULL)) ORDER BY a) FROM "
        "odd",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', id, tenant, HEX(name), HEX(latin), latin IS NULL)"
        " ORDER BY id) FROM parent",
        "SELECT CONCAT(COUNT(*), SUM(value = 'twin')) FROM child",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, column_name, ordinal_position, column_type,"
        " is_nullable, column_default, extra, collation_name) ORDER BY table_name, "
        "ordinal_position)"
        " FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'seen'",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, index_name, seq_in_index, column_name,"
        " non_unique) ORDER BY table_name, index_name, seq_in_index)"
        " FROM information_schema.statistics WHERE table_schema = DATABASE()",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, constraint_name, delete_rule))"
        " FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, auto_increment, table_comment, engine,"
        " table_collation) ORDER BY table_name) FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
        NULL,
    };
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *next = NULL;

    (void)state;
    (void)lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    answers_are_equal(lab, questions);
    lab_run(lab->staging, "INSERT INTO parent (name) VALUES ('new')");
    next = lab_value(lab->staging, "SELECT id FROM parent WHERE name = 'new'");
    assert_string_equal(next, "5000");
}

static void postgresql_server_itself_sees_no_difference(void **state)
{
    static const char *const questions[] = {
        "SELECT string_agg(md5(odd::text), ',' ORDER BY a) FROM odd",
        "SELECT string_agg(parent::text, ',' ORDER BY id) FROM parent",
        "SELECT string_agg(child::text, ',' ORDER BY child::text) FROM child",
        "SELECT last_value || is_called::text || (SELECT s FROM pg_sequences s WHERE sequencename ="
        " 'parent_pk_seq')::text FROM parent_pk_seq",
        "SELECT string_agg(last_value::text, ',' ORDER BY sequencename) FROM pg_sequences",
        "SELECT string_agg(indexdef, ',' ORDER BY schemaname, indexname) FROM pg_indexes WHERE "
        "schemaname IN"
        " ('public', 'other')",
        "SELECT string_agg(conname || pg_get_constraintdef(oid), ',' ORDER BY conname)"
        " FROM pg_constraint WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace",
        "SELECT string_agg(table_name || column_name || data_type ||"
        " COALESCE(column_default, '-') || is_nullable || COALESCE(collation_name, '-') ||"
        " COALESCE(generation_expression, '-') || COALESCE(identity_generation, '-'), ','"
        " ORDER BY table_schema, table_name, ordinal_position) FROM information_schema.columns"
        " WHERE table_schema IN ('public', 'other') AND table_name <> 'seen'",
        "SELECT string_agg(relname || COALESCE(reloptions::text, '-') || COALESCE(relacl::text, "
        "'-'),"
        " ',' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace ="
        " 'public'::regnamespace",
        "SELECT col_description('odd'::regclass, 2)",
        NULL,
    };
    AUTO(Lab) *lab = lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *next = NULL;

    (void)state;
    (void)lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    answers_are_equal(lab, questions);
    lab_run(lab->staging, "INSERT INTO parent (name) VALUES ('new')");
    next = lab_value(lab->staging, "SELECT id FROM parent WHERE name = 'new'");
    /* 5 and 7 were taken by a session that kept 5, 7, 9: the sequence itself stands at 9 */
    assert_string_equal(next, "11");
}

static void refuses_a_staging_of_others(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *still = NULL;
    Command later;

    lab_run(lab->staging, "CREATE TABLE precious (a INT)");
    lab_agent_fails(lab->agent, &handler_copy_database, &lab->command, ERROR_PRECONDITION,
        "holds 1 table(s) and the like that this run did not make (precious)");
    lab_agent_succeeds(lab->agent, &handler_clear_staging, &lab->command, &evidence);
    still = lab_value(lab->staging, "SELECT COUNT(*) FROM precious");
    assert_string_equal(still, "0");

    lab_run(lab->staging, "DROP TABLE precious");
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    command_copy(&later, &lab->command);
    assert_true(text_copy(later.id.run, sizeof(later.id.run), "run-2"));
    lab_agent_fails(lab->agent, &handler_copy_database, &later, ERROR_PRECONDITION,
        "that this run did not make");
    command_done(&later);
}

static void a_staging_database_of_others_is_never_written(void **state)
{
    (void)state;
    for_both_types(refuses_a_staging_of_others);
}

static void clears_what_it_made(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(cleared);
    FACTS_AUTO(again);
    AUTO_TEXT *left = NULL;

    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_clear_staging, &lab->command, &cleared),
        RESULT_DONE);
    left = lab_value(lab->staging, "SELECT COUNT(*) FROM information_schema.tables WHERE %s",
        type == DATABASE_MYSQL ? "table_schema = DATABASE()"
                               : "table_schema IN ('public', 'other')");
    assert_string_equal(left, "0");
    assert_int_equal(lab_agent_succeeds(lab->agent, &handler_clear_staging, &lab->command, &again),
        RESULT_ALREADY);
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &again), RESULT_DONE);
}

static void an_abort_leaves_staging_empty_and_usable(void **state)
{
    (void)state;
    for_both_types(clears_what_it_made);
}

static void survives_death(DatabaseType type, DeathPlace place)
{
    const Handler handler = small_steps();
    AUTO_TEXT *digest = NULL;

    for (unsigned entry = 1;; entry++) {
        AUTO(Lab) *lab = lab_new(type);
        FACTS_AUTO(evidence);
        bool died = lab_agent_dies(lab->agent, &handler, &lab->command, entry, place);

        lab_agent_succeeds(lab->agent, &handler, &lab->command, &evidence);
        if (!digest)
            digest = memory_text(facts_get(&evidence, "digest"));
        assert_string_equal(facts_get(&evidence, "digest"), digest);
        if (!died) {
            assert_true(entry > 10); /* owner, definition, cuts, chunks, complete */
            return;
        }
    }
}

static void a_copy_that_was_killed_anywhere_ends_the_same(void **state)
{
    (void)state;
    survives_death(DATABASE_MYSQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_MYSQL, DIES_AFTER_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_AFTER_WRITING);
}

/* Ids on both sides of 0 and at the ends, gaps, a key that may be NULL, a table without any. */
static void make_chunky(Lab *lab)
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

static void copies_what_was_in_flight(DatabaseType type)
{
    const Handler handler = small_steps();
    const unsigned written = 12; /* owner, definition, cuts, and 9 chunks */
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *rows = NULL;
    uint64_t chunks;

    make_chunky(lab);
    assert_true(lab_agent_dies(lab->agent, &handler, &lab->command, written, DIES_AFTER_WRITING));
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler, &lab->command, &evidence), RESULT_DONE);
    chunks = facts_number(&evidence, "~chunks", 0);
    assert_true(chunks > 20);
    assert_int_equal(facts_number(&evidence, "~chunks-copied", 0), chunks - (written - 3));
    rows = lab_value(lab->staging, "SELECT COUNT(*) FROM chunky");
    assert_string_equal(rows, "402");
}

static void after_a_kill_only_chunks_in_flight_are_copied_again(void **state)
{
    (void)state;
    for_both_types(copies_what_was_in_flight);
}

/* What the ledger says of a chunk is not believed: one was changed here, one there. */
static void copies_changed_chunks_again(DatabaseType type)
{
    const Handler handler = small_steps();
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *changed = NULL;
    uint64_t chunks;

    make_chunky(lab);
    assert_true(lab_agent_dies(lab->agent, &handler, &lab->command, 33, DIES_AFTER_WRITING));
    lab_run(lab->production, "UPDATE chunky SET note = 'later' WHERE id = -200");
    lab_run(lab->staging, "UPDATE chunky SET note = 'damaged' WHERE id IN (-200, 0, 151000000)");
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler, &lab->command, &evidence), RESULT_DONE);
    changed = lab_value(lab->staging, "SELECT COUNT(*) FROM chunky WHERE note = 'later'");
    assert_string_equal(changed, "1");
    chunks = facts_number(&evidence, "~chunks", 0);
    assert_true(facts_number(&evidence, "~chunks-copied", 0) < chunks);
}

static void a_chunk_that_changed_is_copied_again(void **state)
{
    (void)state;
    for_both_types(copies_changed_chunks_again);
}

/* A run that died half-way was given up, and somebody emptied staging by hand. */
static void believes_no_former_run(DatabaseType type)
{
    const Handler handler = small_steps();
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *names = NULL;
    Command later;

    assert_true(lab_agent_dies(lab->agent, &handler, &lab->command, 6, DIES_AFTER_WRITING));
    database_close(lab->staging);
    lab_create(lab->database, SIDE_STAGING);
    lab->staging = lab_open(lab->database, SIDE_STAGING);
    lab_run(lab->production, "UPDATE parent SET name = 'nought' WHERE id = 0");
    command_copy(&later, &lab->command);
    assert_true(text_copy(later.id.run, sizeof(later.id.run), "run-2"));
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &later, &evidence), RESULT_DONE);
    names = lab_value(lab->staging, "SELECT COUNT(*) FROM parent WHERE name = 'nought'");
    assert_string_equal(names, "1");
    command_done(&later);
}

static void what_a_former_run_copied_is_not_believed(void **state)
{
    (void)state;
    for_both_types(believes_no_former_run);
}

/* Between two attempts of one run a table was emptied there, and a row was changed here. */
static void copies_again_what_changed(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *changed = NULL;

    /* nothing but "complete" is missing */
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    lab_agent_forget(lab->agent, "copy/copied/complete");
    lab_run(lab->production, "UPDATE child SET value = 'later' WHERE value = ''");
    lab_run(lab->staging, "DROP TABLE odd");
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    changed = lab_value(lab->staging, "SELECT COUNT(*) FROM child WHERE value = 'later'");
    assert_string_equal(changed, "1");
}

static void what_changed_since_an_attempt_is_copied_again(void **state)
{
    (void)state;
    for_both_types(copies_again_what_changed);
}

/* A wrong agent.xml: both logins lead to one database. */
static void refuses_one_database(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    AgentDatabase wrong = *lab->database;
    FACTS_AUTO(evidence);
    AUTO_TEXT *rows = NULL;

    wrong.production = wrong.staging;
    lab->config.databases = &wrong;
    lab_agent_fails(lab->agent, &handler_copy_database, &lab->command, ERROR_PRECONDITION,
        "are one and the same database");
    lab->config.databases = lab->database;
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    lab->config.databases = &wrong;
    lab_agent_fails(lab->agent, &handler_clear_staging, &lab->command, ERROR_PRECONDITION,
        "are one and the same database");
    rows = lab_value(lab->staging, "SELECT COUNT(*) FROM parent");
    assert_string_equal(rows, "4");
}

static void a_database_is_never_copied_into_itself_or_cleared_as_its_own_copy(void **state)
{
    (void)state;
    for_both_types(refuses_one_database);
}

/* The servers' account owns a schema of its own there, and found it by a setting of the database.
 */
static void the_account_can_use_what_postgresql_copied(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *may = NULL;

    (void)state;
    for (int side = 0; side < SIDE_COUNT; side++)
        lab_run(side == SIDE_PRODUCTION ? lab->production : lab->staging,
            "DO $$ BEGIN CREATE ROLE schema_owner; CREATE ROLE schema_user; EXCEPTION WHEN"
            " duplicate_object THEN NULL; END $$");
    lab_run(lab->production, "CREATE SCHEMA carbon_s AUTHORIZATION schema_owner");
    lab_run(lab->production, "GRANT USAGE ON SCHEMA carbon_s TO schema_user");
    lab_run(lab->production, "CREATE TABLE carbon_s.um_user (um_id int)");
    lab_run(lab->production, "ALTER TABLE carbon_s.um_user OWNER TO schema_owner");
    lab_run(lab->production, "ALTER DATABASE copied SET search_path = carbon_s");
    lab_run(lab->staging, "ALTER DATABASE copied SET search_path = carbon_s");
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    may = lab_value(lab->staging,
        "SELECT concat(has_schema_privilege('schema_owner', 'carbon_s', 'USAGE'),"
        " has_schema_privilege('schema_owner', 'carbon_s', 'CREATE'),"
        " has_schema_privilege('schema_user', 'carbon_s', 'USAGE'),"
        " has_schema_privilege('schema_user', 'carbon_s', 'CREATE'))");
    assert_string_equal(may, "tttf");
    assert_string_equal(facts_get(&evidence, "not-copied:setting"), "search_path=carbon_s");
    lab_run(lab->staging, "SET ROLE schema_owner");
    lab_run(lab->staging, "ALTER TABLE carbon_s.um_user ADD COLUMN later int");
    lab_run(lab->staging, "INSERT INTO carbon_s.um_user VALUES (1, 2)");
    lab_run(lab->staging, "RESET ROLE");
}

/* After a copy: changes something in staging's table and asks which row differs. */
static void expect_difference(
    Lab *lab, const char *table_name, const char *change, const char *expected)
{
    AUTO(CopyCatalogue) *catalogue = NULL;
    AUTO(Database) *reader = lab_open(lab->database, SIDE_PRODUCTION);
    RowsMeter meter = { .io = NULL };
    const CopyTable *table;
    RowsChunk all;
    RowDigest production, staging;
    Error error = { 0 };
    TEXT_AUTO(difference, 1000);

    assert_true(copy_catalogue_read(reader, &catalogue, &error));
    table = copy_catalogue_table(catalogue, table_name);
    assert_non_null(table);
    all = (RowsChunk){ .table = table };
    assert_true(rows_digest(lab->production, &all, &meter, &production, &error));
    assert_true(rows_digest(lab->staging, &all, &meter, &staging, &error));
    assert_true(row_digest_equal(&production, &staging));
    lab_run(lab->staging, "%s", change);
    assert_true(rows_digest(lab->staging, &all, &meter, &staging, &error));
    assert_false(row_digest_equal(&production, &staging));
    assert_true(difference_find(lab->production, lab->staging, table, &difference, &error));
    assert_string_equal(difference.bytes, expected);
}

static void finds_changed_rows(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);

    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    expect_difference(lab, "odd", "UPDATE odd SET b = NULL WHERE a = 2",
        "1 row(s) of staging are not in production, the first with a=2; "
        "1 row(s) of production are not in staging, the first with a=2");
    expect_difference(lab, "parent", "DELETE FROM parent WHERE id = -7",
        "1 row(s) of production are not in staging, the first with id=-7, tenant=1");
    expect_difference(lab, "child", "UPDATE child SET value = 'twim' WHERE value = ''",
        "1 row(s) of staging are not in production; 1 row(s) of production are not in staging");
}

static void a_changed_row_is_found_and_named_by_its_key(void **state)
{
    (void)state;
    for_both_types(finds_changed_rows);
}

static void a_row_that_is_there_once_more_is_found(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);

    (void)state;
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    expect_difference(lab, "child", "INSERT INTO child VALUES (1, -1234, 'twin')",
        "the same rows, but not equally often");
}

static void copies_layout(DatabaseType type, const char *layout, unsigned megabytes)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    Millis started;

    database_close(TAKE(lab->production));
    lab_make_layout(lab->database, SIDE_PRODUCTION, layout, megabytes);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    started = clock_now();
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    print_message("%s, layout %s: %s rows, %s bytes in %lld ms\n", database_type_name(type), layout,
        facts_get(&evidence, "rows"), facts_get(&evidence, "~bytes"),
        (long long)(clock_now() - started));
    assert_true(facts_number(&evidence, "tables", 0) >= 32);
    assert_true(facts_number(&evidence, "rows", 0) > 100);
}

/* DSS_TEST_MEGABYTES: how much of it, for measuring. */
static void every_layout_is_copied_with_its_rows(void **state)
{
    const char *words = getenv("DSS_TEST_MEGABYTES");
    unsigned long long megabytes = 1;

    (void)state;
    if (words)
        assert_true(text_to_number(words, 10000, &megabytes));
    copies_layout(DATABASE_MYSQL, "4.0", (unsigned)megabytes);
    copies_layout(DATABASE_MYSQL, "4.2", (unsigned)megabytes);
    copies_layout(DATABASE_POSTGRESQL, "4.0", (unsigned)megabytes);
    copies_layout(DATABASE_POSTGRESQL, "4.2", (unsigned)megabytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_equals_its_source_whatever_the_values),
        cmocka_unit_test(mysql_server_itself_sees_no_difference),
        cmocka_unit_test(postgresql_server_itself_sees_no_difference),
        cmocka_unit_test(a_staging_database_of_others_is_never_written),
        cmocka_unit_test(an_abort_leaves_staging_empty_and_usable),
        cmocka_unit_test(a_copy_that_was_killed_anywhere_ends_the_same),
        cmocka_unit_test(the_account_can_use_what_postgresql_copied),
        cmocka_unit_test(after_a_kill_only_chunks_in_flight_are_copied_again),
        cmocka_unit_test(a_chunk_that_changed_is_copied_again),
        cmocka_unit_test(what_a_former_run_copied_is_not_believed),
        cmocka_unit_test(what_changed_since_an_attempt_is_copied_again),
        cmocka_unit_test(a_database_is_never_copied_into_itself_or_cleared_as_its_own_copy),
        cmocka_unit_test(a_changed_row_is_found_and_named_by_its_key),
        cmocka_unit_test(every_layout_is_copied_with_its_rows),
        cmocka_unit_test(a_row_that_is_there_once_more_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
