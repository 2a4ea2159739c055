/* DataServiceAdmin: the names of the data services that are active. */
#include "common/base/text.h"
#include "tests/carbon/data_service.h"
#include "tests/carbon/soap.h"

static bool run_available(const Call *call, Text *answer, Error *error)
{
    DataServices *found = arena_take(call->arena, sizeof *found);

    (void)error;
    data_service_scan(call->arena, call->server->home, call->login->tenant, found);
    for (size_t i = 0; i < found->count; i++)
        if (!found->items[i].fault)
            answer_return(answer, found->items[i].name);
    return true;
}

static const SoapOperation operations[] = {
    { .name = "getAvailableDS",
        .permission = "/permission/admin/manage/view-service",
        .run = run_available },
};

const SoapService service_data_service_admin = {
    .name = "DataServiceAdmin",
    .space = "http://admin.core.dataservices.carbon.wso2.org",
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
