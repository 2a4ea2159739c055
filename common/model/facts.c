#include "common/model/facts.h"

#include <limits.h>
#include <stdarg.h>

#include "common/base/memory.h"
#include "common/base/text.h"

void facts_done(Facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        free(facts->items[i].name);
        free(facts->items[i].value);
    }
    free(facts->items);
    *facts = (Facts){ 0 };
}

static void add_owned(Facts *facts, const char *name, char *value)
{
    facts->items = memory_grow(facts->items, (facts->count + 1) * sizeof(Fact));
    facts->items[facts->count++] = (Fact){ memory_text(name), value };
}

void facts_add(Facts *facts, const char *name, const char *value)
{
    add_owned(facts, name, memory_text(value));
}

void facts_format(Facts *facts, const char *name, const char *format, ...)
{
    char *value = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&value, format, args);
    va_end(args);
    if (length >= 0)
        add_owned(facts, name, value);
}

void facts_copy(Facts *facts, const Facts *from)
{
    for (size_t i = 0; i < from->count; i++)
        facts_add(facts, from->items[i].name, from->items[i].value);
}

const Fact *facts_each(const Facts *facts, const char *name, size_t *position)
{
    while (*position < facts->count) {
        const Fact *fact = &facts->items[(*position)++];

        if (strcmp(fact->name, name) == 0)
            return fact;
    }
    return NULL;
}

const char *facts_get(const Facts *facts, const char *name)
{
    return facts_get_or(facts, name, NULL);
}

const char *facts_get_or(const Facts *facts, const char *name, const char *otherwise)
{
    size_t position = 0;
    const Fact *fact = facts_each(facts, name, &position);

    return fact ? fact->value : otherwise;
}

unsigned long long facts_number(const Facts *facts, const char *name, unsigned long long otherwise)
{
    const char *value = facts_get(facts, name);
    unsigned long long number;

    return value && text_to_number(value, ULLONG_MAX, &number) ? number : otherwise;
}
