/* ServiceAdmin: how many services are deployed, and how many are faulty. */
#include "common/base/text.h"
#include "tests/carbon/data_service.h"
#include "tests/carbon/soap.h"

#define SERVICES "/permission/admin/manage/view-service"

static void answer_number(Text *answer, size_t number)
{
    AUTO_TEXT *text = memory_format("%zu", number);

    answer_return(answer, text);
}

static bool run_faulty(const Call *call, Text *answer, Error *error)
{
    DataServices *found = arena_take(call->arena, sizeof *found);

    (void)error;
    data_service_scan(call->arena, call->server->home, call->login->tenant, found);
    answer_number(answer, found->faulty);
    return true;
}

static bool run_active(const Call *call, Text *answer, Error *error)
{
    DataServices *found = arena_take(call->arena, sizeof *found);

    (void)error;
    data_service_scan(call->arena, call->server->home, call->login->tenant, found);
    answer_number(answer, found->count - found->faulty);
    return true;
}

static bool run_archives(const Call *call, Text *answer, Error *error)
{
    DataServices *found = arena_take(call->arena, sizeof *found);

    (void)error;
    data_service_scan(call->arena, call->server->home, call->login->tenant, found);
    text_add(answer, "<ns:return>");
    for (size_t i = 0; i < found->count; i++) {
        if (!found->items[i].fault)
            continue;
        text_add(answer, "<ax:faultyServices>");
        answer_field(answer, "artifact", found->items[i].file);
        answer_field(answer, "fault", found->items[i].fault);
        text_add(answer, "</ax:faultyServices>");
    }
    text_add(answer, "</ns:return>");
    return true;
}

static const SoapOperation operations[] = {
    { .name = "getNumberOfFaultyServices", .permission = SERVICES, .run = run_faulty },
    { .name = "getNumberOfActiveServices", .permission = SERVICES, .run = run_active },
    { .name = "getNumberOfServiceGroups", .permission = SERVICES, .run = run_active },
    { .name = "getFaultyServiceArchives",
        .permission = SERVICES,
        .run = run_archives,
        .parameters = { "pageNumber" } },
};

const SoapService service_service_admin = {
    .name = "ServiceAdmin",
    .space = "http://org.apache.axis2/xsd",
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
