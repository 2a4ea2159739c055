#include "agent/handlers/database/fresh_layout.h"

#include "agent/handlers/database/layout.h"
#include "common/base/memory.h"
#include "common/base/text.h"

void fresh_differences_done(FreshDifferences *differences)
{
    facts_done(&differences->harmful);
    facts_done(&differences->tolerated);
}

static void take_difference(void *self, const LayoutDifference *difference)
{
    FreshDifferences *differences = self;
    AUTO_TEXT *words = layout_difference_words(difference);

    facts_add(difference->tolerated ? &differences->tolerated : &differences->harmful, words, "");
}

/* Keeps what belongs to tables that no migration touches. */
static void keep_unchanged(Facts *things, const Profile *profile)
{
    Facts kept = { 0 };

    for (size_t i = 0; i < things->count; i++)
        if (things->items[i].name[0] && !profile_changes_table(profile, things->items[i].name))
            facts_add(&kept, things->items[i].name, things->items[i].value);
    facts_done(things);
    *things = kept;
}

bool fresh_layout_form(const Profile *profile, DatabaseType type, LayoutForm *ret, Error *error)
{
    for (size_t i = 0; i < profile->fresh_count; i++)
        if (profile->fresh[i].type == type)
            return layout_form_parse(profile->fresh[i].text, ret, error);
    return true;
}

bool fresh_layout_compare(Database *database, const Profile *profile, FreshScope scope,
    FreshDifferences *ret, Error *error)
{
    LAYOUT_FORM_AUTO(form);
    FACTS_AUTO(found);

    if (!fresh_layout_form(profile, database_type(database), &form, error))
        return false;
    if (form.things.count == 0)
        return true;
    if (!layout_describe(database, &found, error))
        return false;
    if (scope == FRESH_UNCHANGED) {
        keep_unchanged(&form.things, profile);
        keep_unchanged(&found, profile);
    }
    ret->compared = form.things.count;
    layout_form_compare(&form, &found, take_difference, ret);
    return true;
}

char *fresh_differences_words(const Facts *differences)
{
    TEXT_AUTO(words, ERROR_TEXT_MAX / 4 * 3);

    for (size_t i = 0; i < differences->count && i < FRESH_SHOWN; i++)
        text_add(&words, "%s%s", i > 0 ? "; " : "", differences->items[i].name);
    if (differences->count > FRESH_SHOWN)
        text_add(&words, "; and %zu more", differences->count - FRESH_SHOWN);
    return text_take(&words);
}
