/*
 * Every process publishes something and, behind a barrier, reads what its neighbour has published: how
 * processes tell each other their new addresses at a restart.
 */
#include <cstdio>
#include <string>
#include <unistd.h>

#include "kvdb.h"

using namespace dmtcp;

static void exchange(const char *when)
{
	/* Of this event only: the store lives on. */
	std::string round = std::string(when) + "-" + std::to_string(dmtcp_get_generation());
	int64_t place, all;
	std::string neighbour;

	kvdb::request64(kvdb::KVDBRequest::INCRBY, round, "count", 1, &place);
	kvdb::set(round, "place-" + std::to_string(place), "pid " + std::to_string(getpid()));
	dmtcp_global_barrier(("published-" + round).c_str());
	kvdb::get64(round, "count", &all);
	kvdb::get(round, "place-" + std::to_string((place + 1) % all), &neighbour);
	dprintf(STDERR_FILENO, "%s: pid %d of %d, beside %s\n", when, (int)getpid(), (int)all,
		neighbour.c_str());
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *)
{
	if (event == DMTCP_EVENT_PRECHECKPOINT)
		exchange("checkpoint");
	else if (event == DMTCP_EVENT_RESTART)
		exchange("restart");
}

static DmtcpPluginDescriptor_t kv_exchange = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "kv-exchange", "dmtcp-akka", "",
	"tells the neighbour", on_event,
};

DMTCP_DECL_PLUGIN(kv_exchange)
