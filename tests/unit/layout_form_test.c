/* What a fresh layout is declared to be, and each way to differ from it, by name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/core/layout_form.h"
#include "common/base/memory.h"
#include "common/base/text.h"

static const char declared[] = "# a comment\n"
                               "tolerate extra index\n"
                               "tolerate wider column\n"
                               "\n"
                               "table users\n"
                               "    column id int not null auto_increment  \n"
                               "    column name varchar(255) not null\n"
                               "\tcolumn state int default 0\n"
                               "    primary key (id, tenant)\n"
                               "    unique (name)\n"
                               "    foreign key (role) references roles(id) on delete cascade\n"
                               "    index (name)\n"
                               "    index (name)\n"
                               "    engine innodb\n"
                               "table roles\n"
                               "    column id int\n"
                               "optional table claims\n"
                               "    column id int\n"
                               "sequence users_seq bigint by 1";

/* The same as the text, with what stands aside. */
static void add_whole(Facts *facts)
{
    facts_add(facts, "users", "engine innodb");
    facts_add(facts, "users", "index (name)");
    facts_add(facts, "users", "column name varchar(255) not null | position 2, utf8_general_ci");
    facts_add(facts, "users", "column state int default 0 | position 3");
    facts_add(facts, "users", "column id int not null auto_increment | position 1");
    facts_add(facts, "users", "primary key (id, tenant)");
    facts_add(facts, "users", "unique (name)");
    facts_add(facts, "users", "index (name)");
    facts_add(facts, "users", "foreign key (role) references roles(id) on delete cascade");
    facts_add(facts, "roles", "column id int");
    facts_add(facts, "", "sequence users_seq bigint by 1");
}

static void add_words(void *self, const LayoutDifference *difference)
{
    AUTO_TEXT *words = layout_difference_words(difference);

    text_add(self, "%s%s\n", difference->tolerated ? "tolerated: " : "", words);
}

/* The differences of `found` from the declared layout, a line each. */
static void assert_differences(const Facts *found, const char *expected)
{
    LAYOUT_FORM_AUTO(form);
    TEXT_AUTO(text, 10000);
    Error error = { 0 };

    if (!layout_form_parse(declared, &form, &error))
        fail_msg("%s", error.text);
    layout_form_compare(&form, found, add_words, &text);
    assert_string_equal(text.bytes, expected);
}

/* One thing of the whole layout is replaced by another, or taken away. */
static void assert_change(const char *thing, const char *by, const char *expected)
{
    FACTS_AUTO(whole);
    FACTS_AUTO(found);
    bool done = false;

    add_whole(&whole);
    for (size_t i = 0; i < whole.count; i++) {
        const Fact *fact = &whole.items[i];
        bool here = !done && strncmp(fact->value, thing, strlen(thing)) == 0;

        if (!here || by)
            facts_add(&found, fact->name, here ? by : fact->value);
        done = done || here;
    }
    assert_true(done);
    assert_differences(&found, expected);
}

static void an_equal_layout_has_no_difference(void **state)
{
    FACTS_AUTO(found);

    (void)state;
    add_whole(&found);
    assert_differences(&found, "");
    facts_add(&found, "claims", "column id int");
    assert_differences(&found, "");
}

static void each_lost_or_changed_thing_is_named(void **state)
{
    (void)state;
    assert_change("index (name)", NULL, "missing index (name) of users\n");
    assert_change("unique (name)", NULL, "missing unique (name) of users\n");
    assert_change("column state", NULL, "missing column state int default 0 of users\n");
    assert_change("column state", "oddity",
        "missing column state int default 0 of users\nextra oddity of users\n");
    assert_change("sequence", NULL, "missing sequence users_seq bigint by 1\n");
    assert_change("sequence", "sequence users_seq integer by 1",
        "changed sequence users_seq: expected sequence users_seq bigint by 1, found sequence "
        "users_seq integer by 1\n");
    assert_change("foreign key", NULL,
        "missing foreign key (role) references roles(id) on delete cascade of users\n");
    assert_change("foreign key", "foreign key (role) references roles(id)",
        "changed foreign key (role) references roles(id) of users: expected foreign key (role) "
        "references roles(id) on delete cascade, found foreign key (role) references roles(id)\n");
    assert_change("primary key", "primary key (id)",
        "changed primary key of users: expected primary key (id, tenant), found primary key "
        "(id)\n");
    assert_change("engine", "engine myisam",
        "changed engine of users: expected engine innodb, found engine myisam\n");
    assert_change("column state", "column state int | position 3",
        "changed column state of users: expected column state int default 0, found column state "
        "int\n");
}

static void a_text_column_may_hold_more_and_not_less(void **state)
{
    (void)state;
    assert_change("column name", "column name varchar(512) not null | position 2",
        "tolerated: wider column name of users: expected column name varchar(255) not null, found "
        "column name varchar(512) not null\n");
    assert_change("column name", "column name varchar(31) not null",
        "changed column name of users: expected column name varchar(255) not null, found column "
        "name varchar(31) not null\n");
    assert_change("column name", "column name varchar(512)",
        "changed column name of users: expected column name varchar(255) not null, found column "
        "name varchar(512)\n");
}

static void what_is_there_beyond_it_is_named(void **state)
{
    FACTS_AUTO(found);

    (void)state;
    add_whole(&found);
    facts_add(&found, "users", "index (state)");
    facts_add(&found, "users", "column more int | position 9");
    facts_add(&found, "users", "oddity");
    facts_add(&found, "other", "column id int");
    facts_add(&found, "other", "column id2 int");
    assert_differences(&found, "extra table other\n"
                               "tolerated: extra index (state) of users\n"
                               "extra column more int of users\n"
                               "extra oddity of users\n");
}

static void a_missing_table_is_one_difference(void **state)
{
    FACTS_AUTO(found);

    (void)state;
    facts_add(&found, "roles", "column id int");
    facts_add(&found, "", "sequence users_seq bigint by 1");
    assert_differences(&found, "missing table users\n");
}

static void nonsense_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "table a\n  fridge (x)", "line 2: not a thing of a layout: fridge (x)" },
        { "column id int", "line 1: no table before it: column id int" },
        { "table a b", "line 1: not the name of one more table: a b" },
        { "table a\ncolumn b int\ntable a", "line 3: not the name of one more table: a" },
        { "optional table \n", "line 1: not a thing of a layout: optional table" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        LAYOUT_FORM_AUTO(form);
        Error error = { 0 };

        assert_false(layout_form_parse(cases[i].text, &form, &error));
        assert_string_equal(error.text, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_layout_has_no_difference),
        cmocka_unit_test(each_lost_or_changed_thing_is_named),
        cmocka_unit_test(a_text_column_may_hold_more_and_not_less),
        cmocka_unit_test(what_is_there_beyond_it_is_named),
        cmocka_unit_test(a_missing_table_is_one_difference),
        cmocka_unit_test(nonsense_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
