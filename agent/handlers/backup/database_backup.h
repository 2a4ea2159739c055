#pragma once

/* Where backups of databases lie. The goal itself is handler_backup_database (table.h). */

#include "agent/core/agent_io.h"
#include "common/model/command.h"

/* BACKUP/DATABASE/RUN of the command; the caller frees. */
char *backup_folder(const AgentIo *io, const Command *command)
    __attribute__((nonnull, returns_nonnull));
