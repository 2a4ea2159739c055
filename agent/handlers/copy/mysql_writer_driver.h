#pragma once

/* What a way of writing brings for mysql_writer.h; for mysql_writer*.c alone. */

#include "agent/handlers/copy/mysql_writer.h"

#define BATCH_BYTES ((size_t)1 << 20) /* of values, that go to the server at once */

struct MysqlWriter {
    MysqlWriterKind kind;
    Database *database;
    const CopyTable *table;
    uint64_t max_packet; /* bytes that staging takes in one message */
    void *self;          /* the driver's */
};

typedef struct MysqlWriterDriver {
    bool (*begin)(MysqlWriter *writer, Error *error);
    void (*done)(MysqlWriter *writer);
    bool (*add)(MysqlWriter *writer, const DatabaseRow *row, Error *error);
    bool (*flush)(MysqlWriter *writer, Error *error);
} MysqlWriterDriver;

extern const MysqlWriterDriver mysql_writer_bulk;
extern const MysqlWriterDriver mysql_writer_inserts;

bool mysql_writer_bulk_works(Database *database) __attribute__((nonnull));

/* "the row is too large for staging" with both numbers; false. */
bool mysql_writer_refuse(const MysqlWriter *writer, uint64_t bytes, Error *error)
    __attribute__((nonnull));
