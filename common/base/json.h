#pragma once

/* Members of JSON objects, written straight to a stream: "name":"value" with escapes, no commas. */

#include <stdio.h>

void json_member(FILE *stream, const char *name, const char *value) __attribute__((nonnull));
