#include "agent/core/profile.h"

void profile_free(Profile *profile)
{
    if (!profile)
        return;
    arena_free(profile->arena);
    free(profile);
}
