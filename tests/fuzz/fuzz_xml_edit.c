#include <stdint.h>

#include "agent/handlers/configuration/xml_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void must_be_invalid(const Error *error)
{
    if (error->kind != ERROR_INVALID)
        abort(); /* ERROR_CORRUPT: a splice changed more than it should */
}

/* The text of each element in turn becomes that of the next one, then back. */
static void swap_texts(XmlTree **tree)
{
    for (size_t i = 0; i + 1 < (*tree)->count && i < 8; i++) {
        AUTO_TEXT *own = xml_own_text(*tree, (*tree)->elements[i]);
        AUTO_TEXT *next = xml_own_text(*tree, (*tree)->elements[i + 1]);
        Error error = { 0 };

        if (!xml_set_text(tree, (*tree)->elements[i], next, &error)) {
            must_be_invalid(&error);
            continue;
        }
        if (!xml_set_text(tree, (*tree)->elements[i], own, &error))
            abort();
        if (!xml_set_attribute(tree, (*tree)->elements[i], "fuzz", next, &error))
            must_be_invalid(&error);
    }
}

/* Elements are copied within the file, replaced by another, and removed. */
static void move_elements(XmlTree **tree, const XmlTree *from)
{
    for (size_t i = 1; i < from->count && i < 8; i++) {
        const XmlElement *source = from->elements[i];
        Error error = { 0 };
        size_t before = (*tree)->count, size = xml_subtree_count(source);

        if (!xml_insert_before(tree, (*tree)->elements[i], from, source, &error)) {
            must_be_invalid(&error);
            return;
        }
        if ((*tree)->count != before + size)
            abort();
        if (!xml_remove_element(tree, (*tree)->elements[i], &error))
            abort();
        if (!xml_append_child(tree, (*tree)->elements[0], from, source, &error))
            must_be_invalid(&error);
        error = (Error){ 0 };
        if (!xml_replace_element(tree, (*tree)->elements[i], from, source, &error))
            must_be_invalid(&error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    AUTO(XmlTree) *tree = NULL;
    AUTO(XmlTree) *original = NULL;
    Error error = { 0 };

    if (!xml_tree_parse("fuzz.xml", bytes, length, &tree, &error)) {
        must_be_invalid(&error);
        return 0;
    }
    if (!xml_tree_parse("fuzz.xml", bytes, length, &original, &error))
        abort();
    (void)xml_find(tree, NULL, "a/b[@c='d']/e[f/g='h']");
    swap_texts(&tree);
    move_elements(&tree, original);
    return 0;
}
