#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/handlers/configuration/xml_edit.h"

#define DECLARED(charset, rest) "<?xml version=\"1.0\" encoding=\"" charset "\"?>\n" rest

static XmlTree *parsed(const char *text)
{
    XmlTree *tree = NULL;
    Error error = { 0 };

    if (!xml_tree_parse("a.xml", text, strlen(text), &tree, &error))
        fail_msg("%s", error.text);
    return tree;
}

static void expect_bytes(const XmlTree *tree, const char *bytes)
{
    assert_string_equal(tree->bytes, bytes);
    assert_int_equal(tree->length, strlen(bytes));
}

/* One text is set; all that may change is given. */
static void set_text(const char *before, const char *path, const char *value, const char *after)
{
    AUTO(XmlTree) *tree = parsed(before);
    Error error = { 0 };
    XmlElement *element = xml_find(tree, NULL, path);

    assert_non_null(element);
    if (!xml_set_text(&tree, element, value, &error))
        fail_msg("%s", error.text);
    expect_bytes(tree, after);
}

static void a_text_changes_and_no_other_byte(void **state)
{
    (void)state;
    set_text("<a>\n  <!-- <b>0</b> -->\n  <b>1</b>\t<c  x = '1' >2</c >\n</a>\n", "a/c", "3",
        "<a>\n  <!-- <b>0</b> -->\n  <b>1</b>\t<c  x = '1' >3</c >\n</a>\n");
}

static void a_comment_with_the_same_element_is_not_touched(void **state)
{
    (void)state;
    set_text("<a><!-- <b>0</b> --><!--b>0</b--><b>1</b></a>", "a/b", "2",
        "<a><!-- <b>0</b> --><!--b>0</b--><b>2</b></a>");
}

static void mixed_line_ends_stay(void **state)
{
    (void)state;
    set_text("<a>\r\n<b>1</b>\n<c/>\r\n</a>\r\n", "a/b", "2", "<a>\r\n<b>2</b>\n<c/>\r\n</a>\r\n");
}

static void a_missing_final_line_end_stays_missing(void **state)
{
    (void)state;
    set_text("<a><b>1</b></a>", "a/b", "", "<a><b></b></a>");
}

static void a_byte_order_mark_stays(void **state)
{
    (void)state;
    set_text("\xEF\xBB\xBF<a>\xC3\xA4</a>", "a", "\xC3\xB6", "\xEF\xBB\xBF<a>\xC3\xB6</a>");
}

static void latin1_is_read_and_written_as_latin1(void **state)
{
    (void)state;
    set_text(DECLARED("ISO-8859-1", "<a><b>\xE4</b><c>1</c></a>"), "a/c", "\xC3\xBC",
        DECLARED("ISO-8859-1", "<a><b>\xE4</b><c>\xFC</c></a>"));
}

static void what_latin1_cannot_hold_becomes_a_reference(void **state)
{
    (void)state;
    set_text(DECLARED("ISO-8859-1", "<a>1</a>"), "a", "\xE2\x82\xAC",
        DECLARED("ISO-8859-1", "<a>&#8364;</a>"));
}

static void ampersands_and_angles_are_escaped(void **state)
{
    (void)state;
    set_text("<a>1</a>", "a", "jdbc:x?a=1&b=<2>", "<a>jdbc:x?a=1&amp;b=&lt;2></a>");
    set_text("<a>1</a>", "a", "]]>", "<a>]]&gt;</a>");
    set_text("<a>1</a>", "a", "x\ry", "<a>x&#13;y</a>");
}

static void a_cdata_section_stays_one(void **state)
{
    (void)state;
    set_text("<a><![CDATA[a&b]]></a>", "a", "c&d<e", "<a><![CDATA[c&d<e]]></a>");
    set_text("<a><![CDATA[a&b]]></a>", "a", "x]]>y", "<a>x]]&gt;y</a>");
    set_text("<a> <![CDATA[a&b]]> </a>", "a", "c", "<a>c</a>");
}

static void a_comment_inside_a_text_stays(void **state)
{
    (void)state;
    set_text("<a>one<!-- c -->two<?p q?></a>", "a", "3", "<a>3<!-- c --><?p q?></a>");
}

static void an_empty_tag_opens_for_its_text(void **state)
{
    (void)state;
    set_text("<a><b x='/'/></a>", "a/b", "1", "<a><b x='/'>1</b></a>");
    set_text("<a><p:b xmlns:p='u' /></a>", "a/b", "1", "<a><p:b xmlns:p='u'>1</p:b></a>");
}

static void blanks_around_a_value_go_as_carbon_does_not_trim(void **state)
{
    (void)state;
    set_text("<a>\n  jdbc/X\n</a>", "a", "jdbc/X", "<a>jdbc/X</a>");
}

static void an_equal_text_changes_nothing_however_it_is_written(void **state)
{
    (void)state;
    set_text("<a>&#38;&amp;<![CDATA[&]]></a>", "a", "&&&", "<a>&#38;&amp;<![CDATA[&]]></a>");
}

static void a_tag_with_an_angle_in_an_attribute_is_read_right(void **state)
{
    (void)state;
    set_text("<a><b x=\">\" y='\"/>'>1</b></a>", "a/b", "2", "<a><b x=\">\" y='\"/>'>2</b></a>");
}

static void predicates_choose_by_attribute_and_by_child(void **state)
{
    (void)state;
    set_text("<a><P name='x'>1</P><P name='y'>2</P></a>", "a/P[@name='y']", "3",
        "<a><P name='x'>1</P><P name='y'>3</P></a>");
    set_text("<a><d><j><n>x</n></j><u>1</u></d><d><j><n> y </n></j><u>2</u></d></a>",
        "a/d[j/n='y']/u", "3",
        "<a><d><j><n>x</n></j><u>1</u></d><d><j><n> y </n></j><u>3</u></d></a>");
    set_text("<a><P n='a/b[1]'>1</P></a>", "a/P[@n='a/b[1]']", "2", "<a><P n='a/b[1]'>2</P></a>");
}

static void a_path_that_leads_nowhere_finds_nothing(void **state)
{
    AUTO(XmlTree) *tree = parsed("<a><b><c/></b><P name='x'/></a>");

    (void)state;
    assert_null(xml_find(tree, NULL, "b"));
    assert_null(xml_find(tree, NULL, "a/c"));
    assert_null(xml_find(tree, NULL, "a/P[@name='y']"));
    assert_null(xml_find(tree, NULL, "a/P[@other='x']"));
    assert_null(xml_find(tree, NULL, "a/P[name='x']"));
    assert_null(xml_find(tree, NULL, "a/P[broken"));
    assert_null(xml_find(tree, NULL, "a/P[@name='x"));
    assert_null(xml_find(tree, NULL, "a/b/c/d"));
    assert_non_null(xml_find(tree, NULL, "a/*/c"));
    assert_non_null(xml_find(tree, xml_find(tree, NULL, "a/b"), "c"));
    assert_null(xml_find(tree, xml_find(tree, NULL, "a/b"), "b"));
}

static void each_walks_all_matches_in_order(void **state)
{
    AUTO(XmlTree) *tree = parsed("<a><b>1</b><c><b>no</b></c><b>2</b></a>");
    size_t position = 0;

    (void)state;
    for (int i = 1; i <= 2; i++) {
        AUTO_TEXT *text = xml_own_text(tree, xml_each(tree, NULL, "a/b", &position));

        assert_int_equal(text[0], '0' + i);
    }
    assert_null(xml_each(tree, NULL, "a/b", &position));
}

static void texts_are_decoded_as_xml_reads_them(void **state)
{
    AUTO(XmlTree) *tree = parsed("<a x='1&#10;2\r\n3\t4 &quot;'>a\r\nb\rc&#x20AC;&#0065;"
                                 "<![CDATA[&amp;]]><b>no</b>&lt;</a>");
    AUTO_TEXT *text = xml_own_text(tree, tree->elements[0]);
    AUTO_TEXT *attribute = xml_attribute_text(tree, tree->elements[0], "x");

    (void)state;
    assert_string_equal(text, "a\nb\nc\xE2\x82\xAC"
                              "A&amp;<");
    assert_string_equal(attribute, "1\n2 3 4 \"");
}

static void lines_are_counted(void **state)
{
    AUTO(XmlTree) *tree = parsed("<a>\n\n<b/></a>");

    (void)state;
    assert_int_equal(xml_line(tree, xml_find(tree, NULL, "a/b")), 3);
}

/* One attribute is set. */
static void set_attribute(
    const char *before, const char *path, const char *name, const char *value, const char *after)
{
    AUTO(XmlTree) *tree = parsed(before);
    Error error = { 0 };

    if (!xml_set_attribute(&tree, xml_find(tree, NULL, path), name, value, &error))
        fail_msg("%s", error.text);
    expect_bytes(tree, after);
}

static void an_attribute_changes_inside_its_own_quotes(void **state)
{
    (void)state;
    set_attribute("<a  x = 'old'\n y=\"2\"/>", "a", "x", "n\"e'w&\n<",
        "<a  x = 'n&quot;e&#39;w&amp;&#10;&lt;'\n y=\"2\"/>");
    set_attribute(
        "<a><p:b p:x='1' xmlns:p='u'/></a>", "a/b", "x", "2", "<a><p:b p:x='2' xmlns:p='u'/></a>");
}

static void a_missing_attribute_is_added(void **state)
{
    (void)state;
    set_attribute("<a><b/></a>", "a/b", "x", "1", "<a><b x=\"1\"/></a>");
    set_attribute("<a><b y='1' >t</b></a>", "a/b", "x", "1", "<a><b y='1' x=\"1\" >t</b></a>");
}

typedef bool Insert(XmlTree **, const XmlElement *, const XmlTree *, const XmlElement *, Error *);

/* The element at `source_path` of `source` goes to the place at `path`. */
static void insert_at(
    Insert *insert, const char *before, const char *path, const char *source, const char *after)
{
    AUTO(XmlTree) *tree = parsed(before);
    AUTO(XmlTree) *from = parsed(source);
    XmlElement *copied = xml_find(from, NULL, "s/e");
    Error error = { 0 };

    if (!insert(
            &tree, xml_find(tree, NULL, path), from, copied ? copied : from->elements[0], &error))
        fail_msg("%s", error.text);
    expect_bytes(tree, after);
}

static void an_insertion_takes_the_indentation_of_its_place(void **state)
{
    (void)state;
    insert_at(xml_insert_before, "<a>\n\t<b/>\n</a>\n", "a/b",
        "<s>\n        <e>\n            <f>1</f>\n        </e>\n</s>",
        "<a>\n\t<e>\n\t    <f>1</f>\n\t</e>\n\t<b/>\n</a>\n");
}

static void an_insertion_takes_the_line_ends_of_its_place(void **state)
{
    (void)state;
    insert_at(xml_insert_before, "<a>\r\n  <b/>\r\n</a>", "a/b", "<e>\n  <f>1\n2</f>\n</e>",
        "<a>\r\n  <e>\r\n    <f>1\r\n2</f>\r\n  </e>\r\n  <b/>\r\n</a>");
    insert_at(xml_append_child, "<a>\n  <b/>\n</a>", "a", "<e>\r\n  <f/>\r\n</e>",
        "<a>\n  <b/>\n  <e>\n    <f/>\n  </e>\n</a>");
}

static void the_lines_of_a_value_are_not_indented(void **state)
{
    (void)state;
    insert_at(xml_append_child, "<a>\n    <b/>\n</a>", "a", "<s>\n<e>\n  <f>1\n2\n</f>\n</e></s>",
        "<a>\n    <b/>\n    <e>\n      <f>1\n2\n</f>\n    </e>\n</a>");
}

static void a_child_is_appended_behind_a_trailing_comment(void **state)
{
    (void)state;
    insert_at(xml_append_child, "<a>\n  <b/>\n  <!--c-->\n</a>", "a", "<e/>",
        "<a>\n  <b/>\n  <!--c-->\n  <e/>\n</a>");
}

static void an_empty_parent_opens_for_its_first_child(void **state)
{
    (void)state;
    insert_at(xml_append_child, "<r>\n  <a/>\n</r>", "r/a", "<e/>",
        "<r>\n  <a>\n      <e/>\n  </a>\n</r>");
    insert_at(xml_append_child, "<r>\n  <a></a>\n</r>", "r/a", "<e/>",
        "<r>\n  <a>\n      <e/>\n  </a>\n</r>");
}

static void a_copied_element_brings_the_namespaces_it_needs(void **state)
{
    (void)state;
    insert_at(xml_append_child, "<a>\n</a>", "a", "<s xmlns:v='urn:v'><e><f v:x='1'/></e></s>",
        "<a>\n    <e xmlns:v=\"urn:v\"><f v:x='1'/></e>\n</a>");
    insert_at(xml_append_child, "<a xmlns:v='urn:v'>\n</a>", "a",
        "<s xmlns:v='urn:v'><e><f v:x='1'/></e></s>",
        "<a xmlns:v='urn:v'>\n    <e><f v:x='1'/></e>\n</a>");
    insert_at(xml_append_child, "<a xmlns:v='urn:other'>\n</a>", "a",
        "<s xmlns:v='urn:v'><e v:x='1'/></s>",
        "<a xmlns:v='urn:other'>\n    <e xmlns:v=\"urn:v\" v:x='1'/>\n</a>");
}

static void an_element_without_a_namespace_takes_the_default_of_its_place(void **state)
{
    (void)state;
    insert_at(xml_append_child, "<a xmlns='urn:a'>\n</a>", "a", "<e/>",
        "<a xmlns='urn:a'>\n    <e/>\n</a>");
    insert_at(xml_append_child, "<a>\n</a>", "a", "<s xmlns='urn:s'><e/></s>",
        "<a>\n    <e xmlns=\"urn:s\"/>\n</a>");
}

static void a_copy_changes_its_charset(void **state)
{
    (void)state;
    insert_at(xml_append_child, DECLARED("ISO-8859-1", "<a>\n</a>"), "a",
        "<e x='\xC3\xA4'>\xC3\xA4\xE2\x82\xAC<!--\xC3\xA4--></e>",
        DECLARED("ISO-8859-1", "<a>\n    <e x='\xE4'>\xE4&#8364;<!--\xE4--></e>\n</a>"));
    insert_at(xml_append_child, "<a>\n</a>", "a", DECLARED("ISO-8859-1", "<e x='\xE4'>\xE4</e>"),
        "<a>\n    <e x='\xC3\xA4'>\xC3\xA4</e>\n</a>");
}

static void an_element_is_replaced_in_its_place(void **state)
{
    (void)state;
    insert_at(xml_replace_element, "<a>\n  <b>\n    <c/>\n  </b> <d/>\n</a>", "a/b",
        "<e>\n  <f/>\n</e>", "<a>\n  <e>\n    <f/>\n  </e> <d/>\n</a>");
}

static void an_element_of_the_same_meaning_is_not_replaced(void **state)
{
    (void)state;
    insert_at(xml_replace_element, "<a><e x='1' y='2'><!--c--><f>&#65;</f></e></a>", "a/e",
        "<e y=\"2\" x=\"1\">\n  <f>A</f>\n</e>", "<a><e x='1' y='2'><!--c--><f>&#65;</f></e></a>");
}

static void remove_at(const char *before, const char *path, const char *after)
{
    AUTO(XmlTree) *tree = parsed(before);
    Error error = { 0 };

    if (!xml_remove_element(&tree, xml_find(tree, NULL, path), &error))
        fail_msg("%s", error.text);
    expect_bytes(tree, after);
}

static void an_element_is_removed_with_its_line(void **state)
{
    (void)state;
    remove_at("<a>\r\n  <b>\r\n  </b>  \r\n  <c/>\r\n</a>", "a/b", "<a>\r\n  <c/>\r\n</a>");
    remove_at("<a>\n  <b/> <c/>\n</a>", "a/b", "<a>\n   <c/>\n</a>");
    remove_at("<a><b/></a>", "a/b", "<a></a>");
}

/* The file is refused before anything is done with it. */
static void refused(const char *text, size_t length, const char *with)
{
    AUTO(XmlTree) *tree = NULL;
    Error error = { 0 };

    assert_false(xml_tree_parse("a.xml", text, length, &tree, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    if (!strstr(error.text, with))
        fail_msg("\"%s\" is not in: %s", with, error.text);
}

static void what_is_not_xml_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("<a>\n<b></a>", 11, "a.xml:2");
    refused("", 0, "a.xml");
    refused("<a/><b/>", 8, "a.xml");
    refused("<a>&x;</a>", 10, "a.xml:1");
    refused("<a x='1' x='2'/>", 16, "a.xml:1");
    refused("<p:a/>", 6, "a.xml:1");
    refused("<a>\xFF</a>", 8, "a.xml:1");
    refused("<a>\0</a>", 8, "a.xml:1");
}

static void a_document_type_is_refused(void **state)
{
    const char *text = "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>";

    (void)state;
    refused(text, strlen(text), "document type");
}

static void an_encoding_that_cannot_be_edited_is_refused_by_name(void **state)
{
    const char *text = DECLARED("ISO-8859-15", "<a/>");

    (void)state;
    refused(text, strlen(text), "ISO-8859-15");
    refused("\xFF\xFE<\0a\0/\0>\0", 10, "UTF-16");
}

static void a_value_that_xml_cannot_hold_is_refused_and_nothing_changes(void **state)
{
    AUTO(XmlTree) *tree = parsed("<a><b>1</b></a>");
    Error error = { 0 };

    (void)state;
    assert_false(xml_set_text(&tree, xml_find(tree, NULL, "a/b"), "\x01", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    assert_false(xml_set_text(&tree, xml_find(tree, NULL, "a/b"), "\xC3(", &error));
    error = (Error){ 0 };
    assert_false(xml_set_text(&tree, xml_find(tree, NULL, "a"), "x", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    expect_bytes(tree, "<a><b>1</b></a>");
}

static void the_root_is_neither_removed_nor_preceded(void **state)
{
    AUTO(XmlTree) *tree = parsed("<a/>");
    AUTO(XmlTree) *other = parsed("<e/>");
    Error error = { 0 };

    (void)state;
    assert_false(xml_remove_element(&tree, tree->elements[0], &error));
    error = (Error){ 0 };
    assert_false(xml_insert_before(&tree, tree->elements[0], other, other->elements[0], &error));
    expect_bytes(tree, "<a/>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_changes_and_no_other_byte),
        cmocka_unit_test(a_comment_with_the_same_element_is_not_touched),
        cmocka_unit_test(mixed_line_ends_stay),
        cmocka_unit_test(a_missing_final_line_end_stays_missing),
        cmocka_unit_test(a_byte_order_mark_stays),
        cmocka_unit_test(latin1_is_read_and_written_as_latin1),
        cmocka_unit_test(what_latin1_cannot_hold_becomes_a_reference),
        cmocka_unit_test(ampersands_and_angles_are_escaped),
        cmocka_unit_test(a_cdata_section_stays_one),
        cmocka_unit_test(a_comment_inside_a_text_stays),
        cmocka_unit_test(an_empty_tag_opens_for_its_text),
        cmocka_unit_test(blanks_around_a_value_go_as_carbon_does_not_trim),
        cmocka_unit_test(an_equal_text_changes_nothing_however_it_is_written),
        cmocka_unit_test(a_tag_with_an_angle_in_an_attribute_is_read_right),
        cmocka_unit_test(predicates_choose_by_attribute_and_by_child),
        cmocka_unit_test(a_path_that_leads_nowhere_finds_nothing),
        cmocka_unit_test(each_walks_all_matches_in_order),
        cmocka_unit_test(texts_are_decoded_as_xml_reads_them),
        cmocka_unit_test(lines_are_counted),
        cmocka_unit_test(an_attribute_changes_inside_its_own_quotes),
        cmocka_unit_test(a_missing_attribute_is_added),
        cmocka_unit_test(an_insertion_takes_the_indentation_of_its_place),
        cmocka_unit_test(an_insertion_takes_the_line_ends_of_its_place),
        cmocka_unit_test(the_lines_of_a_value_are_not_indented),
        cmocka_unit_test(a_child_is_appended_behind_a_trailing_comment),
        cmocka_unit_test(an_empty_parent_opens_for_its_first_child),
        cmocka_unit_test(a_copied_element_brings_the_namespaces_it_needs),
        cmocka_unit_test(an_element_without_a_namespace_takes_the_default_of_its_place),
        cmocka_unit_test(a_copy_changes_its_charset),
        cmocka_unit_test(an_element_is_replaced_in_its_place),
        cmocka_unit_test(an_element_of_the_same_meaning_is_not_replaced),
        cmocka_unit_test(an_element_is_removed_with_its_line),
        cmocka_unit_test(what_is_not_xml_is_refused_with_its_line),
        cmocka_unit_test(a_document_type_is_refused),
        cmocka_unit_test(an_encoding_that_cannot_be_edited_is_refused_by_name),
        cmocka_unit_test(a_value_that_xml_cannot_hold_is_refused_and_nothing_changes),
        cmocka_unit_test(the_root_is_neither_removed_nor_preceded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
