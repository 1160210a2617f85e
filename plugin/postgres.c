/*
 * A program with a connection to a PostgreSQL server, which no checkpoint can carry: it is closed before and
 * opened again after. The plugin is a part of the program. Argument: the connection string.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dmtcp.h"

static const char *server;
static PGconn *connection;
/* The program is not to be stopped between a query and its answer. */
static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER;

static void connect_again(void)
{
	connection = PQconnectdb(server);
	if (PQstatus(connection) != CONNECTION_OK)
		fprintf(stderr, "%s", PQerrorMessage(connection));
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	(void)data;
	if (!server)
		return;
	switch (event) {
	case DMTCP_EVENT_PRESUSPEND: /* the threads run: they can finish what they are doing */
		pthread_mutex_lock(&in_use);
		PQfinish(connection);
		break;
	case DMTCP_EVENT_RESUME:
	case DMTCP_EVENT_RESTART:
		connect_again();
		pthread_mutex_unlock(&in_use);
		break;
	default:
		break;
	}
}

static DmtcpPluginDescriptor_t postgres = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "postgres", "dmtcp-akka", "",
	"closes and opens a connection", on_event,
};

DMTCP_DECL_PLUGIN(postgres)

static int count(void)
{
	PGresult *result;
	int value;

	pthread_mutex_lock(&in_use);
	result = PQexec(connection, "insert into ticks values (default) returning n");
	value = PQresultStatus(result) == PGRES_TUPLES_OK ? atoi(PQgetvalue(result, 0, 0)) : -1;
	if (value < 0)
		fprintf(stderr, "%s", PQerrorMessage(connection));
	PQclear(result);
	pthread_mutex_unlock(&in_use);
	return value;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 1;
	pthread_mutex_lock(&in_use);
	server = argv[1];
	connect_again();
	pthread_mutex_unlock(&in_use);
	for (;;) {
		printf("tick %d\n", count());
		fflush(stdout);
		usleep(100000);
	}
}
