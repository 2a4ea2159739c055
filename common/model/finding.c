#include "common/model/finding.h"

#include <assert.h>
#include <stdarg.h>

#include "common/base/memory.h"

/* The parts of a finding's value are separated by this byte, which no text of ours holds. */
#define SEPARATOR '\x1f'

static const char *const severities[] = {
    [FINDING_PASS] = "pass",
    [FINDING_WARN] = "warn",
    [FINDING_FAIL] = "FAIL",
};
static_assert(sizeof(severities) / sizeof(severities[0]) == FINDING_SEVERITY_COUNT,
    "every FindingSeverity has a name");

const char *finding_severity_name(FindingSeverity severity)
{
    assert(severity < FINDING_SEVERITY_COUNT);
    return severities[severity];
}

void finding_add(Facts *facts, const char *id, FindingSeverity severity, const char *remedy,
    const char *evidence_format, ...)
{
    AUTO_TEXT *evidence = NULL;
    va_list args;

    va_start(args, evidence_format);
    if (vasprintf(&evidence, evidence_format, args) < 0)
        evidence = NULL;
    va_end(args);
    facts_format(facts, FINDING_FACT, "%s%c%s%c%s%c%s", id, SEPARATOR,
        finding_severity_name(severity), SEPARATOR, evidence ? evidence : "", SEPARATOR, remedy);
}

static char *split_off(char *from)
{
    char *at = from ? strchr(from, SEPARATOR) : NULL;

    if (!at)
        return NULL;
    *at = '\0';
    return at + 1;
}

bool finding_parse(const char *value, Finding *ret)
{
    Finding finding = { .text = memory_text(value) };
    char *severity = split_off(finding.text);
    char *evidence = split_off(severity);
    char *remedy = split_off(evidence);

    finding.id = finding.text;
    finding.evidence = evidence;
    finding.remedy = remedy;
    finding.severity = FINDING_PASS;
    while (remedy && finding.severity < FINDING_SEVERITY_COUNT &&
           strcmp(severities[finding.severity], severity) != 0)
        finding.severity++;
    if (!remedy || finding.severity == FINDING_SEVERITY_COUNT) {
        finding_done(&finding);
        return false;
    }
    *ret = finding;
    return true;
}

void finding_done(Finding *finding)
{
    free(finding->text);
    *finding = (Finding){ 0 };
}
