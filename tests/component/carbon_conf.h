#pragma once

/* The files of two small homes: an old one in the shape of Carbon 4.0, a new one of 4.2. */

typedef struct HomeFile {
    const char *path, *content;
} HomeFile;

extern const HomeFile old_home_files[]; /* ends with a NULL path */
extern const HomeFile new_home_files[];
