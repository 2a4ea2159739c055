#include <errno.h>
#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/wire/utf8.h"
#include "coordinator/io/journal_files.h"

#define LINE_MAX_BYTES ((size_t)64 * 1024 * 1024)
/* RFC 5424: facility 13 (log audit), severity 6 (informational) or 3 (error). */
#define PRIORITY_INFO  (13 * 8 + 6)
#define PRIORITY_ERROR (13 * 8 + 3)
/* The private enterprise number set aside for documentation (RFC 5612): ours is not registered. */
#define SD_ID "audit@32473"

/* A record with its values made fit to be shown: one line, no control characters. */
typedef struct Shown {
    const Record *record;
    char time[WALL_TEXT_BYTES];
    Facts evidence;
} Shown;

/* Control characters (also those of ISO 8859-1, which UTF-8 writes as C2 80 to C2 9F) as \xNN: no
 * text that an agent sent moves a terminal's cursor or begins a new line of a log. */
static void add_plain(Text *text, const char *value)
{
    AUTO_TEXT *valid = memory_text(value);

    utf8_repair(valid);
    for (const unsigned char *c = (const unsigned char *)valid; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            text_add(text, "\\x%02x", *c);
        else if (*c == 0xc2 && c[1] < 0xa0)
            text_add(text, "\\x%02x", *++c);
        else
            text_add_bytes(text, c, 1);
    }
}

static void add_json(Text *text, const char *value)
{
    AUTO_TEXT *valid = memory_text(value);

    utf8_repair(valid);
    text_add(text, "\"");
    text_add_json(text, valid);
    text_add(text, "\"");
}

static void add_evidence_json(Text *text, const Facts *evidence)
{
    text_add(text, "[");
    for (size_t i = 0; i < evidence->count; i++) {
        text_add(text, "%s{\"name\":", i > 0 ? "," : "");
        add_json(text, evidence->items[i].name);
        text_add(text, ",\"value\":");
        add_json(text, evidence->items[i].value);
        text_add(text, "}");
    }
    text_add(text, "]");
}

static void add_text_record(Text *line, const Shown *shown)
{
    const Record *record = shown->record;

    text_add(line, "%" PRId64 " %s %s", record->serial, shown->time, record->kind);
    if (record->step > 0)
        text_add(line, " step %" PRId64, record->step);
    if (record->number > 0)
        text_add(line, " number %" PRId64, record->number);
    if (strcmp(record->error, error_kind_name(ERROR_NONE)) != 0)
        text_add(line, " error %s", record->error);
    text_add(line, " run %s cluster %s by ", record->run, record->cluster);
    add_plain(line, record->actor);
    text_add(line, " on ");
    add_plain(line, record->host);
    text_add(line, " hash %s\n", record->hash);
    if (record->text[0]) {
        text_add(line, "    ");
        add_plain(line, record->text);
        text_add(line, "\n");
    }
    for (size_t i = 0; i < shown->evidence.count; i++) {
        text_add(line, "    ");
        add_plain(line, shown->evidence.items[i].name);
        text_add(line, ": ");
        add_plain(line, shown->evidence.items[i].value);
        text_add(line, "\n");
    }
}

static void add_json_member(Text *line, const char *name, const char *value)
{
    text_add(line, ",\"%s\":", name);
    add_json(line, value);
}

static void add_json_record(Text *line, const Shown *shown)
{
    const Record *record = shown->record;

    text_add(line, "{\"serial\":%" PRId64, record->serial);
    add_json_member(line, "time", shown->time);
    add_json_member(line, "actor", record->actor);
    add_json_member(line, "host", record->host);
    add_json_member(line, "cluster", record->cluster);
    add_json_member(line, "run", record->run);
    add_json_member(line, "kind", record->kind);
    text_add(line, ",\"step\":%" PRId64 ",\"number\":%" PRId64, record->step, record->number);
    add_json_member(line, "error", record->error);
    add_json_member(line, "text", record->text);
    text_add(line, ",\"evidence\":");
    add_evidence_json(line, &shown->evidence);
    add_json_member(line, "hash", record->hash);
    text_add(line, "}\n");
}

/* RFC 4180: in quotes, each quote doubled. */
static void add_csv(Text *line, const char *value, const char *behind)
{
    TEXT_AUTO(plain, LINE_MAX_BYTES);

    add_plain(&plain, value);
    text_add(line, "\"");
    for (const char *c = plain.bytes; *c; c++) {
        if (*c == '"')
            text_add(line, "\"");
        text_add_bytes(line, c, 1);
    }
    text_add(line, "\"%s", behind);
}

static void add_csv_record(Text *line, const Shown *shown)
{
    const Record *record = shown->record;
    TEXT_AUTO(evidence, LINE_MAX_BYTES);

    add_evidence_json(&evidence, &shown->evidence);
    text_add(line, "%" PRId64 ",%s,", record->serial, shown->time);
    add_csv(line, record->actor, ",");
    add_csv(line, record->host, ",");
    add_csv(line, record->cluster, ",");
    add_csv(line, record->run, ",");
    add_csv(line, record->kind, ",");
    text_add(line, "%" PRId64 ",%" PRId64 ",", record->step, record->number);
    add_csv(line, record->error, ",");
    add_csv(line, record->text, ",");
    add_csv(line, evidence.bytes, ",");
    text_add(line, "%s\r\n", record->hash);
}

/* RFC 5424 6.3.3: quote, backslash and closing bracket are escaped. */
static void add_param(Text *line, const char *name, const char *value)
{
    TEXT_AUTO(plain, LINE_MAX_BYTES);

    add_plain(&plain, value);
    text_add(line, " %s=\"", name);
    for (const char *c = plain.bytes; *c; c++) {
        if (strchr("\"\\]", *c))
            text_add(line, "\\");
        text_add_bytes(line, c, 1);
    }
    text_add(line, "\"");
}

static void add_number_param(Text *line, const char *name, int64_t value)
{
    text_add(line, " %s=\"%" PRId64 "\"", name, value);
}

/* HOSTNAME and MSGID: visible ASCII, bounded, "-" for none. */
static void add_header_word(Text *line, const char *value, size_t max)
{
    size_t length = 0;

    for (; value[length] && length < max; length++)
        text_add(line, "%c", value[length] > ' ' && value[length] < 0x7f ? value[length] : '?');
    text_add(line, length > 0 ? " " : "- ");
}

static void add_syslog_record(Text *line, const Shown *shown)
{
    const Record *record = shown->record;
    bool failed = strcmp(record->error, error_kind_name(ERROR_NONE)) != 0;
    TEXT_AUTO(evidence, LINE_MAX_BYTES);

    add_evidence_json(&evidence, &shown->evidence);
    text_add(line, "<%d>1 %s ", failed ? PRIORITY_ERROR : PRIORITY_INFO, shown->time);
    add_header_word(line, record->host, 255);
    text_add(line, "dss-coordinator - ");
    add_header_word(line, record->kind, 32);
    text_add(line, "[" SD_ID);
    add_number_param(line, "serial", record->serial);
    add_param(line, "actor", record->actor);
    add_param(line, "cluster", record->cluster);
    add_param(line, "run", record->run);
    add_number_param(line, "step", record->step);
    add_number_param(line, "number", record->number);
    add_param(line, "error", record->error);
    add_param(line, "evidence", evidence.bytes);
    add_param(line, "hash", record->hash);
    text_add(line, "] ");
    add_plain(line, record->text);
    text_add(line, "\n");
}

static const struct {
    const char *head;
    void (*add)(Text *line, const Shown *shown);
} formats[] = {
    [AUDIT_TEXT] = { "", add_text_record },
    [AUDIT_JSON_LINES] = { "", add_json_record },
    [AUDIT_CSV] = { "serial,time,actor,host,cluster,run,kind,step,number,error,text,evidence,hash"
                    "\r\n",
        add_csv_record },
    [AUDIT_SYSLOG] = { "", add_syslog_record },
};

static bool cannot_write(Error *error)
{
    return error_set(
        error, ERROR_IO, "the audit log cannot be written out: %s", strerrordesc_np(errno));
}

static bool write_record(Statement *row, AuditFormat format, FILE *stream, Error *error)
{
    Record record = { 0 };
    Shown shown = { .record = &record };
    TEXT_AUTO(line, LINE_MAX_BYTES);
    bool good;

    if (!record_read(row, &record, error))
        return false;
    wall_text(record.time_ms, shown.time);
    good = evidence_read(record.evidence, &shown.evidence);
    if (good)
        formats[format].add(&line, &shown);
    facts_done(&shown.evidence);
    if (!good || line.overflow)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal has evidence that cannot be read", record.serial);
    return fwrite(line.bytes, 1, line.length, stream) == line.length || cannot_write(error);
}

static bool write_records(Statement *row, AuditFormat format, FILE *stream, Error *error)
{
    for (;;)
        switch (statement_step(row, error)) {
        case ROW_FOUND:
            if (!write_record(row, format, stream, error))
                return false;
            break;
        case ROW_END:
            return true;
        case ROW_FAILED:
            return false;
        }
}

bool journal_export(
    Journal *journal, const char *run, AuditFormat format, FILE *stream, Error *error)
{
    AUTO(Statement) *row = NULL;
    JournalRun found = { 0 };

    if ((run && !journal_find_run(journal, run, &found, error)) ||
        !store_prepare(journal->store,
            RECORD_SELECT "WHERE ?1 IS NULL OR r.run = ?1 ORDER BY r.serial", &row, error))
        return false;
    statement_bind_text(row, 1, run);
    if (fputs(formats[format].head, stream) < 0)
        return cannot_write(error);
    if (!write_records(row, format, stream, error))
        return false;
    return fflush(stream) == 0 || cannot_write(error);
}
