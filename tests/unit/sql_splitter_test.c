#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/migration/sql_splitter.h"
#include "common/base/text.h"

#define MYSQL DATABASE_MYSQL
#define PG    DATABASE_POSTGRESQL

/* The statements of a script, joined by " | ", or the error. */
static char *split(const char *script, DatabaseType type)
{
    AUTO(SqlScript) *made = NULL;
    Error error = { 0 };

    TEXT_AUTO(text, 65536);
    if (!sql_script_split(script, type, &made, &error)) {
        text_add(&text, "error: %s", error.text);
        return text_take(&text);
    }
    for (size_t i = 0; i < made->count; i++)
        text_add(&text, "%s%s", i > 0 ? " | " : "", made->items[i].text);
    return text_take(&text);
}

typedef struct Case {
    DatabaseType type;
    const char *script, *statements;
} Case;

static void check_cases(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_TEXT *got = split(cases[i].script, cases[i].type);

        if (strcmp(got, cases[i].statements) != 0)
            fail_msg("case %zu\n   script %s\nexpected %s\n     got %s", i, cases[i].script,
                cases[i].statements, got);
    }
}
#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void a_semicolon_ends_a_statement(void **state)
{
    static const Case cases[] = {
        { MYSQL, "", "" },
        { MYSQL, " \n ; ;; ", "" },
        { MYSQL, "SELECT 1", "SELECT 1" },
        { MYSQL, "SELECT 1;SELECT 2;", "SELECT 1 | SELECT 2" },
        { MYSQL, "  SELECT 1 ;\n\n SELECT 2 \n", "SELECT 1 | SELECT 2" },
        { PG, "SELECT 1;SELECT 2;", "SELECT 1 | SELECT 2" },
        { PG, "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2) | SELECT 3" },
        { MYSQL, "SELECT (1; SELECT 2)", "SELECT (1 | SELECT 2)" },
    };

    (void)state;
    CHECK(cases);
}

static void a_delimiter_in_a_string_ends_nothing(void **state)
{
    static const Case cases[] = {
        { MYSQL, "SELECT ';';SELECT 2", "SELECT ';' | SELECT 2" },
        { MYSQL, "SELECT \";\";SELECT 2", "SELECT \";\" | SELECT 2" },
        { MYSQL, "SELECT `;`;SELECT 2", "SELECT `;` | SELECT 2" },
        { MYSQL, "SELECT 'it''s;';SELECT 2", "SELECT 'it''s;' | SELECT 2" },
        { MYSQL, "SELECT 'it\\'s;';SELECT 2", "SELECT 'it\\'s;' | SELECT 2" },
        { MYSQL, "SELECT 'a\\\\';SELECT ';'", "SELECT 'a\\\\' | SELECT ';'" },
        { MYSQL, "SELECT \"a\\\";b\";SELECT 2", "SELECT \"a\\\";b\" | SELECT 2" },
        { MYSQL, "SELECT `a``;b`;SELECT 2", "SELECT `a``;b` | SELECT 2" },
        { MYSQL, "SELECT `a\\`;SELECT 2", "SELECT `a\\` | SELECT 2" },
        { PG, "SELECT 'a\\';SELECT ';'", "SELECT 'a\\' | SELECT ';'" },
        { PG, "SELECT E'a\\';';SELECT 2", "SELECT E'a\\';' | SELECT 2" },
        { PG, "SELECT e'\\\\';SELECT 2", "SELECT e'\\\\' | SELECT 2" },
        { PG, "SELECT type'a\\';SELECT 2", "SELECT type'a\\' | SELECT 2" },
        { PG, "SELECT E'a'\n'b\\';';SELECT 2", "SELECT E'a'\n'b\\';' | SELECT 2" },
        { PG, "SELECT \"a;\"\"b\";SELECT 2", "SELECT \"a;\"\"b\" | SELECT 2" },
        { PG, "SELECT \"a\\\";SELECT 2", "SELECT \"a\\\" | SELECT 2" },
        { PG, "SELECT U&'\\0061;';SELECT 2", "SELECT U&'\\0061;' | SELECT 2" },
        { PG, "SELECT U&'a\\';SELECT 2", "SELECT U&'a\\' | SELECT 2" },
    };

    (void)state;
    CHECK(cases);
}

static void a_string_without_an_end_is_refused_with_its_line(void **state)
{
    static const Case cases[] = {
        { MYSQL, "SELECT 1;\nSELECT 'a;", "error: the string that begins in line 2 has no end" },
        { MYSQL, "SELECT `a;",
            "error: the quoted name or string that begins in line 1 has no end" },
        { MYSQL, "SELECT 'a\\'", "error: the string that begins in line 1 has no end" },
        { MYSQL, "SELECT 'a\\", "error: the string that begins in line 1 has no end" },
        { PG, "SELECT \"a;", "error: the quoted name or string that begins in line 1 has no end" },
        { PG, "\n\n/* a /* b */", "error: the comment that begins in line 3 has no end" },
        { MYSQL, "/* a", "error: the comment that begins in line 1 has no end" },
        { MYSQL, "/*!40101 SET x", "error: the last conditional comment has no end" },
        { PG, "DO $a$ x $b$", "error: the text that begins with $a$ in line 1 has no end" },
    };

    (void)state;
    CHECK(cases);
}

static void a_delimiter_in_a_comment_ends_nothing(void **state)
{
    static const Case cases[] = {
        { MYSQL, "SELECT 1 -- a;b'\n+1;SELECT 2", "SELECT 1 -- a;b'\n+1 | SELECT 2" },
        { MYSQL, "SELECT 1 --\n;SELECT 2", "SELECT 1 | SELECT 2" },
        { MYSQL, "SELECT 5--3;SELECT 2", "SELECT 5--3 | SELECT 2" },
        { MYSQL, "SELECT 1 # a;b\n;SELECT 2", "SELECT 1 | SELECT 2" },
        { MYSQL, "SELECT /* ; */ 1;SELECT 2", "SELECT /* ; */ 1 | SELECT 2" },
        { MYSQL, "/* a /* b */ SELECT 1", "SELECT 1" },
        { MYSQL, "-- only a comment", "" },
        { MYSQL, "# it's one\nSELECT 1", "SELECT 1" },
        { PG, "SELECT 1 --a;b'\n;SELECT 2", "SELECT 1 | SELECT 2" },
        { PG, "SELECT 5--3;SELECT 2", "SELECT 5" },
        { PG, "/* a /* ; */ ; */ SELECT 1;", "SELECT 1" },
        { PG, "SELECT 1 # 2;", "SELECT 1 # 2" },
        { PG, "SELECT '/*' ; SELECT '*/'", "SELECT '/*' | SELECT '*/'" },
    };

    (void)state;
    CHECK(cases);
}

static void conditional_comments_of_mysql_are_code(void **state)
{
    static const Case cases[] = {
        { MYSQL, "/*!40101 SET NAMES utf8 */;SELECT 1", "/*!40101 SET NAMES utf8 */ | SELECT 1" },
        { MYSQL, "CREATE TABLE t (a INT) /*!50100 PARTITION BY HASH (a) */;SELECT 1",
            "CREATE TABLE t (a INT) /*!50100 PARTITION BY HASH (a) */ | SELECT 1" },
        { MYSQL, "/*M!100100 SET x = '*/' */;SELECT 1", "/*M!100100 SET x = '*/' */ | SELECT 1" },
        { MYSQL, "SELECT 1;\n/*! SELECT 1; SELECT 2 */;SELECT 3",
            "error: line 2 has ';' inside of a conditional comment, which the mysql client cuts "
            "there: write its content as plain statements, or choose another DELIMITER" },
        { MYSQL, "DELIMITER ;;\n/*! SELECT 1; SELECT 2 */;;", "/*! SELECT 1; SELECT 2 */" },
        { MYSQL, "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER x */;",
            "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER x */" },
        { PG, "/*!40101 SET NAMES utf8 */;SELECT 1", "SELECT 1" },
    };

    (void)state;
    CHECK(cases);
}

static void delimiter_lines_change_what_ends_a_statement(void **state)
{
    static const Case cases[] = {
        { MYSQL, "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\ndelimiter ;\nCALL p();",
            "CREATE PROCEDURE p() BEGIN SELECT 1; END | CALL p()" },
        { MYSQL, "DELIMITER $$\nCREATE TRIGGER t BEGIN SELECT 1; END$$\nDELIMITER ;\nSELECT 2",
            "CREATE TRIGGER t BEGIN SELECT 1; END | SELECT 2" },
        { MYSQL, "DELIMITER ;;\nSELECT 1; SELECT 2;;\nDELIMITER ;\n", "SELECT 1; SELECT 2" },
        { MYSQL, "DELIMITER '//'\nSELECT 1; //\n delimiter \";\"\nSELECT 2; SELECT 3",
            "SELECT 1; | SELECT 2 | SELECT 3" },
        { MYSQL, "SELECT 1; DELIMITER //\n",
            "error: DELIMITER in line 1 does not begin its line: the clients do not agree what "
            "that means" },
        { MYSQL, "DELIMITER",
            "error: DELIMITER in line 1 needs 1 to 16 characters and no backslash" },
        { MYSQL, "SELECT DELIMITER;SELECT 2", "SELECT DELIMITER | SELECT 2" },
    };

    (void)state;
    CHECK(cases);
}

static void bodies_of_postgresql_routines_stay_whole(void **state)
{
    static const Case cases[] = {
        { PG, "DO $$ BEGIN x; END $$;SELECT 2", "DO $$ BEGIN x; END $$ | SELECT 2" },
        { PG, "DO $a$ $$ ; $$ $b$ ; $a$;SELECT 2", "DO $a$ $$ ; $$ $b$ ; $a$ | SELECT 2" },
        { PG, "SELECT $1;SELECT 2", "SELECT $1 | SELECT 2" },
        { PG, "SELECT a$b$;SELECT $b$",
            "error: the text that begins with $b$ in line 1 has no end" },
        { PG,
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 "
            "END; END; SELECT 2",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 "
            "END; END | SELECT 2" },
        { PG, "BEGIN; SELECT 1; END;", "BEGIN | SELECT 1 | END" },
        { PG, "SELECT function, begin; SELECT 2;", "SELECT function, begin | SELECT 2" },
        { PG, "DROP FUNCTION begin; SELECT 2;", "DROP FUNCTION begin | SELECT 2" },
        { PG, "CREATE TRIGGER x FUNCTION begin; SELECT 2",
            "CREATE TRIGGER x FUNCTION begin | SELECT 2" },
    };

    (void)state;
    CHECK(cases);
}

/* The mark of UTF-8 is no text, and the mysql client sends no returns, not even in strings. */
static void a_script_from_windows_is_read_as_the_clients_do(void **state)
{
    static const Case cases[] = {
        { MYSQL, "\xef\xbb\xbfSELECT 'a\r\nb\rc';\r\nSELECT\r\n2;\r\n",
            "SELECT 'a\nb\rc' | SELECT\n2" },
        { MYSQL, "DELIMITER //\r\nSELECT 1;\r\n//\r\nDELIMITER ;\r\nSELECT 2;",
            "SELECT 1; | SELECT 2" },
        { PG, "\xef\xbb\xbfSELECT 'a\r\nb';\r\nSELECT 2;\r\n", "SELECT 'a\r\nb' | SELECT 2" },
    };

    (void)state;
    CHECK(cases);
}

static void commands_of_client_programs_are_refused(void **state)
{
    static const Case cases[] = {
        { PG, "SELECT 1;\n\\connect x",
            "error: line 2 has a backslash outside of a string: "
            "commands of psql cannot be in a script" },
        { PG, "SELECT 1\\; SELECT 2;",
            "error: line 1 has a backslash outside of a string: commands of psql cannot be in a "
            "script" },
        { MYSQL, "SELECT 1\\G",
            "error: line 1 has a backslash outside of a string: commands of "
            "the mysql client cannot be in a script" },
        { MYSQL, "INSERT INTO t VALUES (\\N);", "INSERT INTO t VALUES (\\N)" },
        { PG, "COPY t FROM stdin;\n1\ta\n\\.\n",
            "error: line 1 holds COPY, which a migration "
            "script may not: write the rows as INSERT" },
    };

    (void)state;
    CHECK(cases);
}

static void a_statement_knows_its_line_and_kind(void **state)
{
    AUTO(SqlScript) *script = NULL;
    Error error = { 0 };

    (void)state;
    assert_true(
        sql_script_split("-- c\nSET a=1;\n\n /* x\n */ (SELECT 1);\nCREATE TABLE t (\na int);"
                         "CALL p();BEGIN;delete from t;",
            MYSQL, &script, &error));
    assert_int_equal(script->count, 6);
    assert_int_equal(script->items[0].line, 2);
    assert_int_equal(script->items[0].kind, SQL_SESSION);
    assert_int_equal(script->items[1].line, 5);
    assert_int_equal(script->items[1].kind, SQL_ROWS);
    assert_int_equal(script->items[2].line, 6);
    assert_int_equal(script->items[2].kind, SQL_DEFINITION);
    assert_int_equal(script->items[3].line, 7);
    assert_int_equal(script->items[3].kind, SQL_ROUTINE);
    assert_int_equal(script->items[4].kind, SQL_TRANSACTION);
    assert_int_equal(script->items[5].kind, SQL_ROWS);
    assert_int_equal(sql_statement_kind("/*!40000 ALTER TABLE t */", MYSQL), SQL_DEFINITION);
    assert_int_equal(sql_statement_kind("source x", MYSQL), SQL_OTHER);
    assert_int_equal(sql_statement_kind("'open", MYSQL), SQL_OTHER);
    assert_string_equal(sql_kind_name(SQL_DEFINITION), "definition");
}

static void a_migration_script_passes_the_check(void **state)
{
    static const struct {
        DatabaseType type;
        const char *script;
    } good[] = {
        { MYSQL, "ALTER TABLE t DROP COLUMN a; DROP INDEX i ON t; DROP VIEW v;" },
        { MYSQL, "SELECT 'DROP TABLE t', `DROP TABLE`, TRUNCATE(1.5, 0); -- DROP TABLE t" },
        { MYSQL,
            "/* DROP TABLE x */ SET NAMES utf8; SET @a = 5; ALTER TABLE t DROP FOREIGN KEY f" },
        { MYSQL, "START TRANSACTION; UPDATE t SET a = 1; COMMIT;" },
        { MYSQL, "SET SESSION sql_mode = 'STRICT_ALL_TABLES';" },
        { PG, "ALTER TABLE t DROP CONSTRAINT c; DROP SEQUENCE s; DO $$ BEGIN x := 1; END $$;" },
        { PG,
            "GRANT SELECT, TRUNCATE ON t TO a; SELECT setval('s', 5); COMMENT ON TABLE t IS 'x'" },
        { PG, "INSERT INTO t VALUES ('DROP TABLE t', E'\\'DROP TABLE t');" },
        { PG, "DO $x$ it's not SQL $x$" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        Error error = { 0 };

        if (!sql_script_check(good[i].script, good[i].type, &error))
            fail_msg("%s\n%s", good[i].script, error.text);
    }
}

static void a_script_that_may_not_run_is_refused_with_number_and_line(void **state)
{
    static const struct {
        DatabaseType type;
        const char *script, *says;
    } bad[] = {
        { MYSQL, "SELECT 1;\n\ndrop  table t;", "statement 2 (line 3) drops tables" },
        { MYSQL, "DROP /* x */ TABLE IF EXISTS t", "statement 1 (line 1) drops tables" },
        { MYSQL, "/*!40000 DROP TABLE IF EXISTS t */;", "statement 1 (line 1) drops tables" },
        { MYSQL, "/*!40000 DROP */ TABLE t", "statement 1 (line 1) drops tables" },
        { MYSQL, "DROP TABLES a, b", "drops tables" },
        { MYSQL, "DROP SCHEMA x", "drops a database" },
        { MYSQL, "DROP DATABASE x", "drops a database" },
        { MYSQL, "TRUNCATE t", "empties a table" },
        { MYSQL, "TRUNCATE TABLE t", "empties a table" },
        { MYSQL, "TRUNCATE `t`", "empties a table" },
        { MYSQL, "ALTER TABLE t TRUNCATE PARTITION p", "empties a table" },
        { MYSQL, "CREATE OR REPLACE TABLE t (a INT)", "replaces a table" },
        { MYSQL, "DELIMITER //\nCREATE PROCEDURE p() BEGIN DROP TABLE t; END//", "drops tables" },
        { MYSQL, "USE other;", "begins with 'USE'" },
        { MYSQL, "SELECT 1; source x.sql;", "statement 2 (line 1) begins with 'source'" },
        { MYSQL, "CREATE DATABASE x", "is about a whole database" },
        { MYSQL, "CREATE TEMPORARY TABLE t (a INT)", "cannot be repeated" },
        { MYSQL, "SET @a = (SELECT MAX(a) FROM t)", "cannot be repeated" },
        { MYSQL, "SELECT a INTO @a FROM t", "cannot be repeated" },
        { MYSQL, "SELECT a INTO OUTFILE 'x' FROM t", "writes a file" },
        { MYSQL, "SET GLOBAL x = 1", "changes the server" },
        { MYSQL, "SET @@global.x = 1", "changes the server" },
        { MYSQL, "SET autocommit = 0", "draws transactions" },
        { MYSQL, "SET sql_mode = 'ANSI_QUOTES'", "changes how strings" },
        { MYSQL, "SET sql_mode = 'no_backslash_escapes'", "changes how strings" },
        { MYSQL, "BEGIN NOT ATOMIC SELECT 1", "is more than a plain BEGIN" },
        { MYSQL, "START SLAVE", "is more than a plain BEGIN" },
        { MYSQL, "ROLLBACK", "begins with 'ROLLBACK'" },
        { MYSQL, "PREPARE x FROM 'DROP TABLE t'", "begins with 'PREPARE'" },
        { MYSQL, "LOCK TABLES t WRITE", "begins with 'LOCK'" },
        { MYSQL, "LOAD DATA INFILE 'x' INTO TABLE t", "begins with 'LOAD'" },
        { MYSQL, "", "holds no statement" },
        { MYSQL, "-- nothing\n", "holds no statement" },
        { PG, "DROP TABLE IF EXISTS UM_USER;", "drops tables" },
        { PG, "DROP FOREIGN TABLE x", "drops tables" },
        { PG, "DROP SCHEMA public CASCADE", "drops a database or schema" },
        { PG, "DROP OWNED BY x", "drops all" },
        { PG, "TRUNCATE t", "empties a table" },
        { PG, "TRUNCATE TABLE ONLY \"t\"", "empties a table" },
        { PG, "DO $$ BEGIN DROP TABLE t; END $$", "statement 1 (line 1) drops tables" },
        { PG, "CREATE FUNCTION f() RETURNS void AS $f$ TRUNCATE t; $f$ LANGUAGE sql",
            "empties a table" },
        { PG, "CREATE INDEX CONCURRENTLY i ON t (a)", "cannot run in a transaction" },
        { PG, "VACUUM t", "begins with 'VACUUM'" },
        { PG, "COPY t FROM '/x'", "holds COPY" },
        { PG, "ALTER SYSTEM SET x = 1", "changes the server" },
        { PG, "SET standard_conforming_strings = off", "changes how strings" },
        { PG, "SET ROLE x", "changes the account" },
        { PG, "COMMIT PREPARED 'x'", "is more than a plain BEGIN" },
        { PG, "SELECT 'open", "has no end" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        Error error = { 0 };

        if (sql_script_check(bad[i].script, bad[i].type, &error))
            fail_msg("accepted: %s", bad[i].script);
        assert_int_equal(error.kind, ERROR_INVALID);
        if (!strstr(error.text, bad[i].says))
            fail_msg("%s\nexpected %s\n     got %s", bad[i].script, bad[i].says, error.text);
    }
}

/* "--" is a comment of MySQL when the text ends there, and none before other characters. */
static bool ends_with_dash(const char *text)
{
    return text[strlen(text) - 1] == '-';
}

/* A statement that is split again is the same statement. */
static void splitting_is_stable_for_random_scripts(void **state)
{
    static const char *const pieces[] = { "SELECT", " ", "'", "\"", "`", "\\", ";", "--", "\n", "#",
        "/*", "*/", "/*!", "$$", "$a$", "E'", "(", ")", "BEGIN", "END", "x" };
    uint64_t random = 42;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        DatabaseType type = round & 1 ? MYSQL : PG;
        AUTO(SqlScript) *once = NULL;
        AUTO(SqlScript) *again = NULL;
        Error error = { 0 };

        TEXT_AUTO(text, 4096);
        for (int i = 0; i < 12; i++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            text_add(&text, "%s", pieces[(random >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]);
        }
        if (!sql_script_split(text.bytes, type, &once, &error) || once->count == 0)
            continue;
        if (ends_with_dash(once->items[0].text))
            continue;
        if (!sql_script_split(once->items[0].text, type, &again, &error))
            fail_msg("seed 42, round %d: %s\n%s", round, text.bytes, error.text);
        assert_int_equal(again->count, 1);
        assert_string_equal(again->items[0].text, once->items[0].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_semicolon_ends_a_statement),
        cmocka_unit_test(a_delimiter_in_a_string_ends_nothing),
        cmocka_unit_test(a_string_without_an_end_is_refused_with_its_line),
        cmocka_unit_test(a_delimiter_in_a_comment_ends_nothing),
        cmocka_unit_test(conditional_comments_of_mysql_are_code),
        cmocka_unit_test(delimiter_lines_change_what_ends_a_statement),
        cmocka_unit_test(bodies_of_postgresql_routines_stay_whole),
        cmocka_unit_test(a_script_from_windows_is_read_as_the_clients_do),
        cmocka_unit_test(commands_of_client_programs_are_refused),
        cmocka_unit_test(a_statement_knows_its_line_and_kind),
        cmocka_unit_test(a_migration_script_passes_the_check),
        cmocka_unit_test(a_script_that_may_not_run_is_refused_with_number_and_line),
        cmocka_unit_test(splitting_is_stable_for_random_scripts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
