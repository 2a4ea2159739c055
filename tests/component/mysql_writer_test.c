#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/copy/mysql_writer.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/database/query_rows.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/component/database_lab.h"

/* One table of production, empty on staging, and the sessions as the copy sets them up. */
typedef struct Lab {
    const AgentDatabase *config;
    Database *production, *staging;
    CopyCatalogue *catalogue;
    const CopyTable *table;
} Lab;

static Database *open_limited(const AgentDatabase *config, DatabaseSide side, unsigned lock_s)
{
    const DatabaseLimits limits = { .connect_s = 10, .statement_s = 300, .lock_s = lock_s };
    Database *database = NULL;
    Error error = { 0 };

    if (!database_open(config, side, NULL, &limits, &database, &error))
        fail_msg("%s", error.text);
    return database;
}

static Lab *lab_new(const char *const *statements)
{
    Lab *lab = memory_new(sizeof(*lab));
    Error error = { 0 };

    lab->config = lab_database(DATABASE_MYSQL, "written");
    lab_create(lab->config, SIDE_PRODUCTION);
    lab_create(lab->config, SIDE_STAGING);
    lab->production = lab_open(lab->config, SIDE_PRODUCTION);
    for (size_t i = 0; statements[i]; i++)
        lab_run(lab->production, "%s", statements[i]);
    if (!rows_begin_reading(lab->production, NULL, &error) ||
        !copy_catalogue_read(lab->production, &lab->catalogue, &error))
        fail_msg("%s", error.text);
    lab->table = &lab->catalogue->tables[0];
    return lab;
}

static void lab_free(Lab *lab)
{
    copy_catalogue_free(lab->catalogue);
    database_close(lab->production);
    database_close(lab->staging);
    free(lab);
}
DEFINE_AUTO(Lab, lab_free)

/* The table empty on staging, over a connection that knows the server's limits of now. */
static void make_table(Lab *lab)
{
    Error error = { 0 };

    database_close(TAKE(lab->staging));
    lab->staging = open_limited(lab->config, SIDE_STAGING, 1);
    if (!rows_begin_writing(lab->staging, &error))
        fail_msg("%s", error.text);
    lab_run(lab->staging, "DROP TABLE IF EXISTS %s", lab->table->quoted);
    lab_run(lab->staging, "%s", lab->table->create);
}

static bool add_row(void *writer, const DatabaseRow *row, Error *error)
{
    return mysql_writer_add(writer, row, error);
}

static bool write_rows(const Lab *lab, MysqlWriterKind kind, Error *error)
{
    AUTO_TEXT *sql = memory_format("SELECT %s FROM %s", lab->table->reads, lab->table->quoted);
    AUTO(MysqlWriter) *writer = NULL;

    return mysql_writer_new(kind, lab->staging, lab->table, &writer, error) &&
           database_query(lab->production, sql, add_row, writer, error) &&
           mysql_writer_end(writer, error);
}

/* What the server itself makes of all rows. */
static char *checksum(Database *database, const CopyTable *table)
{
    AUTO(Arena) *arena = arena_new();
    AUTO_TEXT *sql = memory_format("CHECKSUM TABLE %s EXTENDED", table->quoted);
    QueryRows rows;
    Error error = { 0 };

    if (!query_rows(database, arena, sql, &rows, &error))
        fail_msg("%s", error.text);
    assert_int_equal(rows.count, 1);
    return memory_text(rows.rows[0][1]);
}

static void expect_equal_tables(const Lab *lab)
{
    AUTO_TEXT *production = checksum(lab->production, lab->table);
    AUTO_TEXT *staging = checksum(lab->staging, lab->table);
    const RowsChunk chunk = { .table = lab->table };
    RowsMeter meter = { .io = NULL };
    RowDigest read, written;
    Error error = { 0 };

    assert_string_equal(production, staging);
    if (!rows_digest(lab->production, &chunk, &meter, &read, &error) ||
        !rows_digest(lab->staging, &chunk, &meter, &written, &error))
        fail_msg("%s", error.text);
    assert_true(row_digest_equal(&read, &written));
    assert_true(read.rows > 0);
}

static void writes_equal_tables(const char *const *statements)
{
    AUTO(Lab) *lab = lab_new(statements);

    for (MysqlWriterKind kind = 0; kind < MYSQL_WRITER_KIND_COUNT; kind++) {
        Error error = { 0 };

        make_table(lab);
        if (!write_rows(lab, kind, &error))
            fail_msg("%s", error.text);
        expect_equal_tables(lab);
    }
}

static void numbers_and_times_are_written_exactly(void **state)
{
    static const char *const statements[] = {
        "CREATE TABLE numbers (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, ti TINYINT,"
        " tu TINYINT UNSIGNED, si SMALLINT, mi MEDIUMINT, mu MEDIUMINT UNSIGNED, i INT,"
        " iu INT UNSIGNED ZEROFILL, bu BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(65,30),"
        " b1 BIT(1), b9 BIT(9), b64 BIT(64), y YEAR, da DATE, dt DATETIME, du DATETIME(6),"
        " ts TIMESTAMP NULL, tf TIMESTAMP(6) NOT NULL DEFAULT '0000-00-00 00:00:00',"
        " t TIME, tm TIME(6), b BOOLEAN)",
        "INSERT INTO numbers (id) VALUES (0), (-1), (-9223372036854775808), (7)",
        "INSERT INTO numbers VALUES (9223372036854775806, -128, 255, -32768, -8388608, 16777215,"
        " -2147483648, 4294967295, 18446744073709551615, 1.17549e-38, -1.7976931348623157e308,"
        " '-12345678901234567890123456789012345.123456789012345678901234567890', b'1',"
        " b'101010101', X'8000000000000001', 1901, '0000-00-00', '0000-00-00 00:00:00',"
        " '9999-12-31 23:59:59.999999', '0000-00-00 00:00:00', '2038-01-19 03:14:07.999999',"
        " '-838:59:59', '-00:00:00.000001', 1)",
        "INSERT INTO numbers VALUES (8, 127, 0, 32767, 8388607, 0, 2147483647, 0, 0, 3.40282e38,"
        " 4.9406564584124654e-324, '0.000000000000000000000000000001', b'0', b'0', 0, 0,"
        " '2012-00-00', '2014-02-28 23:59:59', '1000-01-01 00:00:00.000001',"
        " '1970-01-01 00:00:01', '2014-03-30 02:30:00', '00:00:00', '838:59:59', 0)",
        "INSERT INTO numbers (id, f, d) VALUES (9, 1.2345678, 0.1), (10, 16777217, 1e16 / 3),"
        " (11, -0.0, -0.0)",
        NULL,
    };

    (void)state;
    writes_equal_tables(statements);
}

static void bytes_are_written_exactly_whatever_the_character_set(void **state)
{
    static const char *const statements[] = {
        "CREATE TABLE words (id INT PRIMARY KEY, l1 VARCHAR(300) CHARACTER SET latin1,"
        " u3 VARCHAR(100) CHARACTER SET utf8mb3, u4 VARCHAR(100) CHARACTER SET utf8mb4,"
        " u2 VARCHAR(100) CHARACTER SET ucs2, u16 TEXT CHARACTER SET utf16,"
        " u32 CHAR(10) CHARACTER SET utf32, sj VARCHAR(20) CHARACTER SET sjis,"
        " gb VARCHAR(20) CHARACTER SET gbk, c CHAR(10) CHARACTER SET latin1,"
        " vb VARBINARY(300), bi BINARY(5), bl BLOB, mt MEDIUMTEXT CHARACTER SET latin1,"
        " e ENUM('', 'it''s', 'é') CHARACTER SET utf8mb4, el ENUM('a', 'é') CHARACTER SET latin1,"
        " s SET('x', 'é') CHARACTER SET latin1, s2 SET('x', 'ü') CHARACTER SET ucs2,"
        " j JSON, g GEOMETRY, p POINT, n6 INET6, u UUID)",
        "INSERT INTO words (id) VALUES (0)",
        "INSERT INTO words VALUES (1, '', '', '', '', '', '', '', '', '', '', '', '', '', '', 'a',"
        " '', '', 'null', ST_GeomFromText('POINT(1 2)', 4326), Point(-0.5, 1e300), '::',"
        " '00000000-0000-0000-0000-000000000000')",
        "INSERT INTO words (id, vb, bl, l1) SELECT 2, x.b, x.b, _latin1 X'8081A0E9FF275C00225F25'"
        " FROM (SELECT UNHEX(GROUP_CONCAT(LPAD(HEX(seq - 1), 2, '0') ORDER BY seq SEPARATOR ''))"
        " AS b FROM seq_1_to_256) x",
        "INSERT INTO words VALUES (3, 'it''s \\\\ \\\\N', 'é€', _utf8mb4 X'F09F98802720', 'é€ö',"
        " _utf8mb4 X'F09F9880', 'ß', _sjis X'955C', _gbk X'D55C27', 'trail  ', X'00', X'0001',"
        " X'005C2700', 'ÿ', 'é', 'é', 'x,é', 'x,ü', '{\"a\": \"\\\\u00e9 \\'\"}',"
        " ST_GeomFromText('GEOMETRYCOLLECTION(POINT(0 0),LINESTRING(1 1,2 2))'), Point(0, 0),"
        " '2001:db8::1', '123e4567-e89b-12d3-a456-426655440000')",
        NULL,
    };

    (void)state;
    writes_equal_tables(statements);
}

static void rows_of_any_number_and_size_are_written(void **state)
{
    static const char *const statements[] = {
        "CREATE TABLE sizes (id INT PRIMARY KEY, a LONGBLOB, b LONGTEXT CHARACTER SET latin1,"
        " c LONGBLOB)",
        "INSERT INTO sizes SELECT seq, IF(seq % 3, REPEAT(CHAR(seq), seq % 400), NULL), seq, ''"
        " FROM seq_1_to_9000",
        "INSERT INTO sizes SELECT 10000 + seq, REPEAT(X'0027', (1 << seq) / 2),"
        " REPEAT('\\\\', (1 << seq) - 1), NULL FROM seq_8_to_22",
        "INSERT INTO sizes VALUES (20001, REPEAT(X'00', 1048575), '', NULL),"
        " (20002, REPEAT(X'00', 1048576), NULL, ''), (20003, REPEAT(X'00', 1048577), 'x', 'y'),"
        " (20004, REPEAT(X'FF', 5000000), REPEAT('z', 1023), REPEAT(X'0A', 1024)),"
        " (20005, REPEAT('0123456789', 2100000), NULL, 'after')",
        NULL,
    };

    (void)state;
    writes_equal_tables(statements);
}

static void tables_of_many_columns_are_written(void **state)
{
    TEXT_AUTO(create, 1 << 20);
    TEXT_AUTO(insert, 1 << 20);
    const char *statements[] = { NULL, NULL, NULL };

    (void)state;
    text_add(&create, "CREATE TABLE wide (c0 INT PRIMARY KEY");
    text_add(&insert, "INSERT INTO wide SELECT seq");
    for (int i = 1; i < 600; i++) {
        text_add(&create, ", c%d VARCHAR(8) CHARACTER SET latin1", i);
        text_add(&insert, ", IF((seq + %d) %% 7, seq * %d, NULL)", i, i);
    }
    text_add(&create, ")");
    text_add(&insert, " FROM seq_1_to_500");
    statements[0] = create.bytes;
    statements[1] = insert.bytes;
    writes_equal_tables(statements);
}

static void limit_packets(uint64_t bytes)
{
    AUTO(Database) *staging = lab_open(lab_database(DATABASE_MYSQL, "mysql"), SIDE_STAGING);

    lab_run(staging, "SET GLOBAL max_allowed_packet = %llu", (unsigned long long)bytes);
}

static int give_packets_back(void **state)
{
    (void)state;
    limit_packets((uint64_t)64 << 20);
    return 0;
}

/* However small, as long as one row passes. */
static void a_small_packet_makes_small_batches(void **state)
{
    static const char *const statements[] = {
        "CREATE TABLE sizes (id INT PRIMARY KEY, a VARCHAR(100), b LONGBLOB)",
        "INSERT INTO sizes SELECT seq, IF(seq % 3, REPEAT('x', seq % 100), NULL),"
        " REPEAT(X'27', seq % 1000) FROM seq_1_to_3000",
        NULL,
    };

    (void)state;
    limit_packets(4096);
    writes_equal_tables(statements);
    limit_packets(16384);
    writes_equal_tables(statements);
}

static void expect_refusal(Lab *lab, MysqlWriterKind kind, const char *words)
{
    Error error = { 0 };

    make_table(lab);
    assert_false(write_rows(lab, kind, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
}

static void a_value_that_staging_cannot_take_is_named(void **state)
{
    static const char *const statements[] = {
        "CREATE TABLE sizes (id INT PRIMARY KEY, content LONGBLOB)",
        "INSERT INTO sizes VALUES (1, REPEAT(X'00', 2097152)), (2, REPEAT(X'00', 2097153))",
        NULL,
    };
    AUTO(Lab) *lab = lab_new(statements);
    Error error = { 0 };

    (void)state;
    limit_packets(2 << 20);
    expect_refusal(lab, MYSQL_WRITES_BULK,
        "a value of column content has 2097153 bytes and staging's max_allowed_packet is 2097152");
    expect_refusal(lab, MYSQL_WRITES_INSERTS, "staging's max_allowed_packet is 2097152");
    limit_packets(3 << 20);
    make_table(lab);
    if (!write_rows(lab, MYSQL_WRITES_BULK, &error)) /* pieces need no room for escapes */
        fail_msg("%s", error.text);
    expect_equal_tables(lab);
}

static const char *const few_rows[] = {
    "CREATE TABLE few (id INT PRIMARY KEY, a BLOB)",
    "INSERT INTO few VALUES (1, 'one'), (2, 'two')",
    NULL,
};

static void a_wait_for_a_lock_ends_and_names_its_holder(void **state)
{
    AUTO(Lab) *lab = lab_new(few_rows);
    AUTO(Database) *holder = lab_open(lab->config, SIDE_STAGING);

    (void)state;
    for (MysqlWriterKind kind = 0; kind < MYSQL_WRITER_KIND_COUNT; kind++) {
        AUTO_TEXT *session = lab_value(holder, "SELECT CONCAT('session ', CONNECTION_ID(), ' of')");
        Error error = { 0 };

        make_table(lab);
        lab_run(holder, "START TRANSACTION");
        lab_run(holder, "INSERT INTO few VALUES (1, 'mine')");
        assert_false(write_rows(lab, kind, &error));
        assert_int_equal(error.kind, ERROR_TIMEOUT);
        assert_non_null(strstr(error.text, session));
        lab_run(holder, "ROLLBACK");
    }
}

static void a_connection_that_the_server_ended_is_told_as_such(void **state)
{
    AUTO(Lab) *lab = lab_new(few_rows);
    AUTO(Database) *other = lab_open(lab->config, SIDE_STAGING);

    (void)state;
    for (MysqlWriterKind kind = 0; kind < MYSQL_WRITER_KIND_COUNT; kind++) {
        const char *const values[] = { "1", NULL };
        const unsigned long lengths[] = { 1, 0 };
        const DatabaseRow row = { values, lengths, 2 };
        AUTO(MysqlWriter) *writer = NULL;
        AUTO_TEXT *session = NULL;
        Error error = { 0 };

        make_table(lab);
        session = lab_value(lab->staging, "SELECT CONNECTION_ID()");
        assert_true(mysql_writer_new(kind, lab->staging, lab->table, &writer, &error));
        assert_true(mysql_writer_add(writer, &row, &error));
        lab_run(other, "KILL %s", session);
        assert_false(mysql_writer_end(writer, &error));
        assert_int_equal(error.kind, ERROR_UNREACHABLE);
    }
}

static void a_row_that_staging_refuses_is_the_servers_error(void **state)
{
    AUTO(Lab) *lab = lab_new(few_rows);

    (void)state;
    for (MysqlWriterKind kind = 0; kind < MYSQL_WRITER_KIND_COUNT; kind++) {
        Error error = { 0 };

        make_table(lab);
        lab_run(lab->staging, "INSERT INTO few VALUES (2, 'mine')");
        assert_false(write_rows(lab, kind, &error));
        assert_int_equal(error.kind, ERROR_DATABASE);
        assert_non_null(strstr(error.text, "mysql error 1062 (23000): Duplicate entry '2'"));
    }
}

static void mariadb_is_written_in_bulk(void **state)
{
    AUTO(Database) *staging = lab_open(lab_database(DATABASE_MYSQL, "mysql"), SIDE_STAGING);

    (void)state;
    assert_int_equal(mysql_writer_kind(staging), MYSQL_WRITES_BULK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mariadb_is_written_in_bulk),
        cmocka_unit_test(numbers_and_times_are_written_exactly),
        cmocka_unit_test(bytes_are_written_exactly_whatever_the_character_set),
        cmocka_unit_test(rows_of_any_number_and_size_are_written),
        cmocka_unit_test(tables_of_many_columns_are_written),
        cmocka_unit_test_teardown(a_small_packet_makes_small_batches, give_packets_back),
        cmocka_unit_test_teardown(a_value_that_staging_cannot_take_is_named, give_packets_back),
        cmocka_unit_test(a_wait_for_a_lock_ends_and_names_its_holder),
        cmocka_unit_test(a_connection_that_the_server_ended_is_told_as_such),
        cmocka_unit_test(a_row_that_staging_refuses_is_the_servers_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
