/*
 * Handles that the program keeps while what they stand for changes: it asks for the number of its host,
 * gets one that stays, and the plugin alone knows the real one, which a restart elsewhere changes.
 * Written as for DMTCP 5, with all of its headers for C++.
 */
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

#include "dmtcp.h"
#include "dmtcpalloc.h"
#include "kvdb.h"
#include "procmapsarea.h"
#include "util.h"
#include "virtualidtable.h"

using namespace dmtcp;

/* A table with a rule of its own, as DMTCP's plugins have them. */
class HostTable : public VirtualIdTable<long> {
public:
	HostTable() : VirtualIdTable<long>("host", 5000) {}

	static HostTable &instance()
	{
		static HostTable *table = new HostTable(); /* hooks may come before its constructor */

		return *table;
	}

	long realToVirtual(long real) override
	{
		long id = VirtualIdTable<long>::realToVirtual(real);

		if (id == real && getNewVirtualId(&id))
			updateMapping(id, real);
		return id;
	}
};

static long real_number;

extern "C" long gethostid(void)
{
	long id;

	if (!real_number) /* without checkpoint control no hook has set it */
		return NEXT_FNC(gethostid)();
	DMTCP_PLUGIN_DISABLE_CKPT(); /* a restart in between would change what was read */
	id = HostTable::instance().realToVirtual(real_number);
	DMTCP_PLUGIN_ENABLE_CKPT();
	return id;
}

#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition))                                                           \
			dprintf(STDERR_FILENO, "wrong: line %d: %s\n", __LINE__, #condition); \
	} while (0)

static void check_tables()
{
	VirtualIdTable<pid_t> pids("pid", 40000, 3);
	VirtualIdTable<timer_t> timers("timer", timer_t(100));
	pid_t pid = 0;
	timer_t timer = 0;
	int fds[2];

	for (pid_t i = 1; i <= 3; i++) {
		CHECK(pids.getNewVirtualId(&pid) && pid == 40000 + i);
		pids.updateMapping(pid, i);
	}
	CHECK(!pids.getNewVirtualId(&pid) && pids.size() == 3);
	CHECK(pids.virtualToReal(40002) == 2 && pids.realToVirtual(2) == 40002);
	CHECK(pids.virtualToReal(-1) == -1 && pids.realToVirtual(77) == 77);
	CHECK(pids.virtualIdExists(40003) && !pids.virtualIdExists(40004) && pids.realIdExists(3));
	CHECK(pids.isIdCreatedByCurrentProcess(40001) && !pids.isIdCreatedByCurrentProcess(40004));
	pids.erase(40002);
	CHECK(pids.getNewVirtualId(&pid) && pid == 40002 && pids.getIdVector().size() == 2);
	CHECK(!pipe(fds));
	pids.writeMapsToFile(fds[1]);
	pids.clear();
	CHECK(!pids.size());
	pids.readMapsFromFile(fds[0]);
	CHECK(pids.size() == 2 && pids.virtualToReal(40003) == 3);
	close(fds[0]);
	close(fds[1]);
	pids.resetOnFork(41000);
	CHECK(pids.getNewVirtualId(&pid) && pid == 41001 && pids.size() == 2);
	CHECK(timers.getNewVirtualId(&timer) && timer == timer_t(101));
	timers.updateMapping(timer, timer_t(1));
	timers.postRestart();
	CHECK(timers.virtualToReal(timer) == timer_t(1));
}

static void check_helpers()
{
	vector<string> parts = Util::tokenizeString("a:b::c", ":");
	ProcMapsArea area;
	int regions = 0, maps, fds[2];
	char line[16];

	CHECK(parts.size() == 3 && Util::joinStrings(parts, "+") == "a+b+c");
	CHECK(Util::tokenizeString("a:b::c", ":", true).size() == 4);
	CHECK(Util::strStartsWith("/dev/shm", "/dev") && Util::strEndsWith(string("x.so"), ".so"));
	CHECK(Util::removeSuffix("x.dmtcp", ".dmtcp") == "x");
	CHECK(!pipe(fds) && Util::writeAll(fds[1], "one\ntwo", 7) == 7);
	CHECK(Util::readLine(fds[0], line, sizeof(line)) == 4 && !strcmp(line, "one\n"));
	CHECK(Util::skipBytes(fds[0], 1) == 1 && Util::readAll(fds[0], line, 2) == 2);
	Util::changeFd(fds[1], 700);
	CHECK(!Util::isValidFd(fds[1]) && Util::isValidFd(700));
	Util::dupFds(700, { 701, 702 });
	CHECK(!Util::isValidFd(700) && Util::isValidFd(701) && Util::isValidFd(702));
	close(701);
	close(702);
	CHECK(Util::readAll(fds[0], line, 1) == 0);
	close(fds[0]);
	CHECK(!Util::safeMkdir("/", 0700) && Util::safeMkdir("/dev/null", 0700) && errno == EEXIST);
	CHECK(Util::isPseudoTty("/dev/pts/3") && !Util::isPseudoTty("/dev/null"));
	CHECK((Util::pageSize() & ~Util::pageMask()) == 0);
	maps = open("/proc/self/maps", O_RDONLY);
	while (Util::readProcMapsLine(maps, &area)) {
		regions++;
		CHECK(area.endAddr - area.addr == (ssize_t)area.size && area.size);
	}
	close(maps);
	CHECK(regions > 10);
}

/* While a thread of the program stands still in the midst of malloc(3). */
static void check_containers()
{
	map<string, vector<int>> all;
	unordered_map<string, int> sums;
	ostringstream text;

	for (int i = 0; i < 2000; i++) {
		text.str("");
		text << "a name that is longer than any string holds itself " << i % 100;
		all[text.str()].push_back(i);
		sums[text.str()] += i;
	}
	CHECK(all.size() == 100 && sums.size() == 100 && all.begin()->second.size() == 20);
	vector<char> large(1 << 20, 'x');
	CHECK(large.back() == 'x');
}

static void number_of(const char *value)
{
	HostTable &table = HostTable::instance();
	long before = real_number;

	real_number = value ? strtol(value, NULL, 10) : 1;
	if (!before)
		table.realToVirtual(real_number);
	else
		table.updateMapping(table.realToVirtual(before), real_number);
	dprintf(STDERR_FILENO, "host %ld is %ld\n", gethostid(), real_number);
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	char value[32] = "";
	string old;

	switch (event) {
	case DMTCP_EVENT_INIT:
		check_tables();
		check_helpers();
		number_of(getenv("EXAMPLE_NUMBER"));
		break;
	case DMTCP_EVENT_PRE_EXEC:
		HostTable::instance().writeMapsToFile(data->preExec.serializationFd);
		break;
	case DMTCP_EVENT_POST_EXEC:
		HostTable::instance().readMapsFromFile(data->postExec.serializationFd);
		break;
	case DMTCP_EVENT_ATFORK_CHILD:
		HostTable::instance().resetOnFork(6000);
		break;
	case DMTCP_EVENT_PRECHECKPOINT:
		check_containers();
		kvdb::set("hosts", dmtcp_get_uniquepid_str(), "here");
		CHECK(kvdb::get("hosts", dmtcp_get_uniquepid_str(), &old) ==
			      kvdb::KVDBResponse::SUCCESS && old == "here");
		break;
	case DMTCP_EVENT_RESTART:
		HostTable::instance().postRestart();
		CHECK(!dmtcp_get_restart_env("EXAMPLE_NUMBER", value, sizeof(value)));
		number_of(value);
		break;
	default:
		break;
	}
}

static DmtcpPluginDescriptor_t virtual_ids = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "virtual-ids", "dmtcp-akka", "",
	"keeps the number of the host", on_event,
};

DMTCP_DECL_PLUGIN(virtual_ids)
