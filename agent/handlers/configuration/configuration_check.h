#pragma once

/*
 * What has to be true of a planned configuration before a server may start with it: every reference
 * resolves, none leads to production, every driver has its jar.
 */

#include "agent/handlers/configuration/configuration_plan.h"

/* Names of the facts that configuration_problems() adds; the value is a sentence with a remedy. */
#define PROBLEM_REFERENCE  "reference"  /* a name that does not resolve */
#define PROBLEM_USERS      "users"      /* a datasource that is not of the right database */
#define PROBLEM_PRODUCTION "production" /* a url that leads to production */
#define PROBLEM_DRIVER     "driver"     /* a driver without a jar */
#define PROBLEM_TYPE       "type"       /* a database that cannot be upgraded */
#define PROBLEM_LOCAL      "local"      /* a local registry that is none: a warning */

void configuration_problems(const ConfigurationPlan *plan, Facts *ret) __attribute__((nonnull));
/* ERROR_PRECONDITION with the first problem that is more than a warning, and how many more. */
bool configuration_check(const ConfigurationPlan *plan, Error *error)
    __attribute__((nonnull, warn_unused_result));
