/* SPDX-License-Identifier: MIT */
/* One client: its requests one after the other. */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include <stdint.h>

#include "settings.h"

struct connection;
struct call;

/* What a connection's completions are tagged with. */
enum connection_operation { CONNECTION_RECEIVE = 1, CONNECTION_SEND = 2 };

void connections_open(const struct settings *settings, uint16_t port);

/* Takes the socket. */
void connection_new(int sock);
void connection_complete(struct connection *connection, enum connection_operation operation, int res);

/* A call of the connection's has ended. */
void connection_answered(struct call *call, int status);

#endif
