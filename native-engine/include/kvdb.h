/* The key-value store of the computation for C++, as in DMTCP 5.0; for C see dmtcp.h. */
#ifndef KVDB_H
#define KVDB_H

#include <cstdint>
#include <string>

#include "dmtcp.h"

namespace dmtcp {
#ifndef DMTCP_STRING
#define DMTCP_STRING
using string = std::string;
#endif

namespace kvdb {
enum class KVDBRequest { GET, SET, INCRBY, AND, OR, XOR, MIN, MAX };
enum class KVDBResponse { SUCCESS, INVALID_REQUEST, DB_NOT_FOUND, KEY_NOT_FOUND };

/* See dmtcp_kvdb_request(); @old gets the value before. */
inline KVDBResponse request(KVDBRequest what, const string &id, const string &key,
			    const string &value, string *old)
{
	static const size_t longest = 1 << 20;
	string before(old ? longest + 1 : 1, '\0');
	int ret = ::dmtcp_kvdb_request ?
		::dmtcp_kvdb_request(static_cast<int>(what), id.c_str(), key.c_str(),
				     value.c_str(), &before[0], before.size()) :
		DMTCP_KVDB_INVALID_REQUEST;

	if (old)
		*old = before.c_str();
	return static_cast<KVDBResponse>(ret);
}

inline KVDBResponse request64(KVDBRequest what, const string &id, const string &key, int64_t value,
			      int64_t *old)
{
	return static_cast<KVDBResponse>(
		::dmtcp_kvdb_request64 ? ::dmtcp_kvdb_request64(static_cast<int>(what), id.c_str(),
								key.c_str(), value, old) :
					 static_cast<int>(DMTCP_KVDB_INVALID_REQUEST));
}

inline KVDBResponse get(const string &id, const string &key, string *value)
{
	return request(KVDBRequest::GET, id, key, "", value);
}

inline KVDBResponse get64(const string &id, const string &key, int64_t *value)
{
	return request64(KVDBRequest::GET, id, key, 0, value);
}

inline KVDBResponse set(const string &id, const string &key, const string &value,
			string *old = nullptr)
{
	return request(KVDBRequest::SET, id, key, value, old);
}

inline KVDBResponse set64(const string &id, const string &key, int64_t value,
			  int64_t *old = nullptr)
{
	return request64(KVDBRequest::SET, id, key, value, old);
}
}
}

#endif
