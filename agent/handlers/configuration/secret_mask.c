#include "agent/handlers/configuration/secret_mask.h"

#include <ctype.h>

static const char *const secret_words[] = { "password", "passwd", "passphrase", "secretkey",
    "keypass", "credential", "storepass" };

/* The word in the text, not as the beginning of a longer one ("PasswordDigest" is no password). */
static const char *find_word(const char *text, const char *word)
{
    const char *found = strcasestr(text, word);

    while (found && isalnum((unsigned char)found[strlen(word)]))
        found = strcasestr(found + 1, word);
    return found;
}

/* The next secret word in the text, or NULL; *ret_end is behind it. */
static const char *next_word(const char *text, const char **ret_end)
{
    const char *first = NULL;

    for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
        const char *found = find_word(text, secret_words[i]);

        if (found && (!first || found < first)) {
            first = found;
            *ret_end = found + strlen(secret_words[i]);
        }
    }
    return first;
}

bool name_is_secret(const char *name)
{
    const char *end;

    return next_word(name, &end) != NULL;
}

/* password=VALUE in a url: to the next separator. */
static size_t parameter_value(const char *text)
{
    size_t at = strspn(text, " \t");

    if (text[at] != '=')
        return 0;
    at++;
    return text[at] == '"' || text[at] == '\'' ? 0 : at;
}

/* <…password…>VALUE< of an element, in a comment too. */
static size_t element_value(const char *text)
{
    size_t at = strcspn(text, "<>\n");

    return text[at] == '>' && at > 0 && text[at - 1] == '/' ? 0 : (text[at] == '>' ? at + 1 : 0);
}

/* …password="VALUE" of an attribute. */
static size_t attribute_value(const char *text)
{
    size_t at = strcspn(text, "=<>\n");

    if (text[at] != '=')
        return 0;
    at++;
    at += strspn(text + at, " \t");
    return text[at] == '"' || text[at] == '\'' ? at + 1 : 0;
}

/* Copies `text` and masks what stands behind each secret word. */
static void mask_words(const char *text, Text *out)
{
    const char *end = text;

    while (next_word(text, &end)) {
        size_t skip = parameter_value(end), length;

        if (skip > 0) {
            length = strcspn(end + skip, "&;<\"' \t\r\n");
        } else if ((skip = attribute_value(end)) > 0) {
            length = strcspn(end + skip, "\"'\n");
        } else if ((skip = element_value(end)) > 0) {
            length = strcspn(end + skip, "<\n");
            if (end[skip + length] != '<')
                length = 0; /* nothing on this line */
        } else {
            skip = length = 0;
        }
        text_add_bytes(out, text, (size_t)(end - text) + skip);
        if (length > strspn(end + skip, " \t\r\n"))
            text_add(out, SECRET_MASK);
        else
            text_add_bytes(out, end + skip, length);
        text = end + skip + length;
    }
    text_add(out, "%s", text);
}

static bool element_is_secret(const XmlTree *tree, const XmlElement *element)
{
    AUTO_TEXT *property = xml_attribute_text(tree, element, "name");
    AUTO_TEXT *name =
        memory_text_n(tree->bytes + element->name.begin, element->name.end - element->name.begin);

    return !element->first_child &&
           (name_is_secret(name) || (property && name_is_secret(property)));
}

char *secret_mask_file(const XmlTree *tree)
{
    size_t at = 0;
    TEXT_AUTO(masked, 2 * XML_TREE_MAX_BYTES);
    TEXT_AUTO(all, 3 * XML_TREE_MAX_BYTES);

    for (size_t i = 0; i < tree->count; i++) {
        const XmlElement *element = tree->elements[i];

        if (!element_is_secret(tree, element) || element->content.begin < at ||
            element->content.begin == element->content.end)
            continue;
        text_add_bytes(&masked, tree->bytes + at, element->content.begin - at);
        text_add(&masked, SECRET_MASK);
        at = element->content.end;
    }
    text_add_bytes(&masked, tree->bytes + at, tree->length - at);
    mask_words(masked.bytes, &all);
    return text_take(&all);
}

char *secret_mask_url(const char *url)
{
    TEXT_AUTO(masked, 65536);

    mask_words(url, &masked);
    return text_take(&masked);
}
