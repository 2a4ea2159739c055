#pragma once

/*
 * Functions too easy to misuse: force-included into every file of ours, so that a use is an error.
 * strncpy and sprintf stand in MariaDB's own header and are left to the lint.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncat vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison gmtime localtime ctime asctime
#pragma GCC poison system popen mktemp tmpnam tempnam
