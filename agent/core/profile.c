#include "agent/core/profile.h"

#include <assert.h>
#include <strings.h>

static const char *const setting_kind_names[] = {
    [SETTING_CARRY_TEXT] = "carry-text",
    [SETTING_CARRY_ATTRIBUTE] = "carry-attribute",
    [SETTING_CARRY_ELEMENTS] = "carry-elements",
    [SETTING_CARRY_PROPERTIES] = "carry-properties",
    [SETTING_CARRY_DATASOURCES] = "carry-datasources",
    [SETTING_CARRY_FILE] = "carry-file",
    [SETTING_CARRY_DRIVERS] = "carry-drivers",
    [SETTING_SET_TEXT] = "set-text",
    [SETTING_REWRITE_URL] = "rewrite-url",
    [SETTING_REFERENCE] = "reference",
    [SETTING_LOCAL_DATASOURCE] = "local-datasource",
};
static_assert(sizeof(setting_kind_names) / sizeof(setting_kind_names[0]) == SETTING_KIND_COUNT,
    "every ProfileSettingKind has a name");

const char *setting_kind_name(ProfileSettingKind kind)
{
    assert(kind < SETTING_KIND_COUNT);
    return setting_kind_names[kind];
}

ProfileSettingKind setting_kind_from_name(const char *name)
{
    ProfileSettingKind kind = 0;

    while (kind < SETTING_KIND_COUNT && strcmp(setting_kind_names[kind], name) != 0)
        kind++;
    return kind;
}

bool profile_changes_table(const Profile *profile, const char *table)
{
    for (size_t i = 0; i < profile->changed_table_count; i++)
        if (strcasecmp(profile->changed_tables[i], table) == 0)
            return true;
    return false;
}

void profile_free(Profile *profile)
{
    if (!profile)
        return;
    arena_free(profile->arena);
    free(profile);
}
