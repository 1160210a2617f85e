/*
 * Numbers that the program keeps over a restart, beside those that they stand for now: for wrappers
 * around functions that give out handles of something outside. As in DMTCP 5.0.
 */
#ifndef VIRTUALIDTABLE_H
#define VIRTUALIDTABLE_H

#include <cstdint>
#include <cstdio>

#include "dmtcp.h"
#include "dmtcpalloc.h"
#include "util.h"

#define MAX_VIRTUAL_ID 999

namespace dmtcp {
/* @Id: a number or a pointer. All functions may be called by several threads at once. */
template <typename Id> class VirtualIdTable {
public:
	typedef typename dmtcp::map<Id, Id> Map;

	/* @name: for printMaps(). Virtual ones are @base + 1 to @base + @most. */
	VirtualIdTable(const dmtcp::string &name, Id base, size_t most = MAX_VIRTUAL_ID)
		: _name(name), _base(base), _most(most), _last(0), _mutex()
	{
	}
	virtual ~VirtualIdTable() {}

	size_t size()
	{
		Guard guard(_mutex);

		return _realOf.size();
	}

	void clear()
	{
		Guard guard(_mutex);

		_realOf.clear();
		_last = 0;
	}

	/* Behind RESTART: numbers are given out from the first again that is free. */
	virtual void postRestart()
	{
		Guard guard(_mutex);

		_last = 0;
	}

	/* In a forked child: what it has is kept, new ones begin behind @base. */
	virtual void resetOnFork(Id base)
	{
		_mutex = DmtcpMutex();
		_base = base;
		_last = 0;
	}

	/* Whether @id is one of those that this table gives out. */
	bool isIdCreatedByCurrentProcess(Id id)
	{
		Guard guard(_mutex);

		return number(id) > number(_base) && number(id) - number(_base) <= _most;
	}

	/* false: all are in use. updateMapping() is to follow, with no other thread in between. */
	bool getNewVirtualId(Id *id)
	{
		Guard guard(_mutex);

		for (size_t tried = 0; tried < _most; tried++) {
			_last = _last % _most + 1;
			*id = (Id)(number(_base) + _last);
			if (!_realOf.count(*id))
				return true;
		}
		return false;
	}

	bool virtualIdExists(Id virtualId)
	{
		Guard guard(_mutex);

		return _realOf.count(virtualId) != 0;
	}

	bool realIdExists(Id realId)
	{
		Guard guard(_mutex);

		return find(realId) != _realOf.end();
	}

	dmtcp::vector<Id> getIdVector()
	{
		Guard guard(_mutex);
		dmtcp::vector<Id> all;

		for (const auto &pair : _realOf)
			all.push_back(pair.first);
		return all;
	}

	void updateMapping(Id virtualId, Id realId)
	{
		Guard guard(_mutex);

		_realOf[virtualId] = realId;
	}

	void erase(Id virtualId)
	{
		Guard guard(_mutex);

		_realOf.erase(virtualId);
	}

	/* One that is not known is given back as it is. */
	virtual Id virtualToReal(Id virtualId)
	{
		Guard guard(_mutex);
		auto found = _realOf.find(virtualId);

		return found == _realOf.end() ? virtualId : found->second;
	}

	virtual Id realToVirtual(Id realId)
	{
		Guard guard(_mutex);
		auto found = find(realId);

		return found == _realOf.end() ? realId : found->first;
	}

	void printMaps()
	{
		Guard guard(_mutex);

		for (const auto &pair : _realOf)
			dprintf(STDERR_FILENO, "%s: %lld -> %lld\n", _name.c_str(),
				(long long)pair.first, (long long)pair.second);
	}

	/* For the next program: PRE_EXEC and POST_EXEC with their serializationFd. */
	void writeMapsToFile(int fd)
	{
		Guard guard(_mutex);
		uint64_t count = _realOf.size();

		Util::writeAll(fd, &count, sizeof(count));
		for (const auto &pair : _realOf) {
			Id both[2] = { pair.first, pair.second };

			Util::writeAll(fd, both, sizeof(both));
		}
	}

	void readMapsFromFile(int fd)
	{
		Guard guard(_mutex);
		uint64_t count = 0;
		Id both[2];

		if (Util::readAll(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
			return;
		while (count-- && Util::readAll(fd, both, sizeof(both)) == (ssize_t)sizeof(both))
			_realOf[both[0]] = both[1];
	}

protected:
	Map _realOf; /* by virtual number */

private:
	/*
	 * No checkpoint begins meanwhile: a hook that comes here too would wait for a thread that
	 * stands still. Without libdmtcp.so there are no checkpoints, and no locks.
	 */
	class Guard {
	public:
		explicit Guard(DmtcpMutex &mutex)
			: _mutex(mutex),
			  _disabled(::dmtcp_plugin_disable_ckpt && ::dmtcp_plugin_disable_ckpt())
		{
			if (::DmtcpMutexLock)
				::DmtcpMutexLock(&_mutex);
		}
		~Guard()
		{
			if (::DmtcpMutexUnlock)
				::DmtcpMutexUnlock(&_mutex);
			if (_disabled)
				::dmtcp_plugin_enable_ckpt();
		}
		Guard(const Guard &) = delete;

	private:
		DmtcpMutex &_mutex;
		bool _disabled;
	};

	static uintptr_t number(Id id) { return (uintptr_t)id; }

	typename Map::iterator find(Id realId)
	{
		auto at = _realOf.begin();

		while (at != _realOf.end() && at->second != realId)
			++at;
		return at;
	}

	dmtcp::string _name;
	Id _base;
	size_t _most, _last;
	DmtcpMutex _mutex;
};
}

#endif
