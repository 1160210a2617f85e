/* The key-value store of the computation for C++, as in DMTCP 5.0; for C see dmtcp.h. */
#ifndef KVDB_H
#define KVDB_H

#include <cstddef>
#include <cstdint>

#include "dmtcp.h"
#include "dmtcpalloc.h"

namespace dmtcp {
namespace kvdb {
enum class KVDBRequest { GET, SET, INCRBY, AND, OR, XOR, MIN, MAX };
enum class KVDBResponse { SUCCESS, INVALID_REQUEST, DB_NOT_FOUND, KEY_NOT_FOUND };

/*
 * A dmtcp::string, a std::string or a plain one: for as long as a call lasts. One with a 0 in it is
 * empty, which is refused.
 */
class Text {
public:
	Text(const char *text) : _text(text) {}
	template <typename Traits, typename Alloc>
	Text(const std::basic_string<char, Traits, Alloc> &text)
		: _text(text.find('\0') == text.npos ? text.c_str() : "")
	{
	}
	const char *c_str() const { return _text; }

private:
	const char *_text;
};

/* See dmtcp_kvdb_request(); @old, a string of any kind, gets the value before. */
template <typename String>
KVDBResponse request(KVDBRequest what, const Text &id, const Text &key, const Text &value, String *old)
{
	static const std::size_t longest = 1 << 20;
	vector<char> before(old ? longest + 1 : 1, '\0');
	int ret = ::dmtcp_kvdb_request ?
		::dmtcp_kvdb_request(static_cast<int>(what), id.c_str(), key.c_str(),
				     value.c_str(), &before[0], before.size()) :
		DMTCP_KVDB_INVALID_REQUEST;

	if (old)
		*old = &before[0];
	return static_cast<KVDBResponse>(ret);
}

inline KVDBResponse request(KVDBRequest what, const Text &id, const Text &key, const Text &value,
			    std::nullptr_t)
{
	return request(what, id, key, value, static_cast<string *>(nullptr));
}

inline KVDBResponse request64(KVDBRequest what, const Text &id, const Text &key, int64_t value,
			      int64_t *old)
{
	return static_cast<KVDBResponse>(
		::dmtcp_kvdb_request64 ? ::dmtcp_kvdb_request64(static_cast<int>(what), id.c_str(),
								key.c_str(), value, old) :
					 static_cast<int>(DMTCP_KVDB_INVALID_REQUEST));
}

template <typename String> KVDBResponse get(const Text &id, const Text &key, String *value)
{
	return request(KVDBRequest::GET, id, key, "", value);
}

inline KVDBResponse get64(const Text &id, const Text &key, int64_t *value)
{
	return request64(KVDBRequest::GET, id, key, 0, value);
}

template <typename String>
KVDBResponse set(const Text &id, const Text &key, const Text &value, String *old)
{
	return request(KVDBRequest::SET, id, key, value, old);
}

inline KVDBResponse set(const Text &id, const Text &key, const Text &value,
			std::nullptr_t = nullptr)
{
	return request(KVDBRequest::SET, id, key, value, nullptr);
}

inline KVDBResponse set64(const Text &id, const Text &key, int64_t value, int64_t *old = nullptr)
{
	return request64(KVDBRequest::SET, id, key, value, old);
}
}
}

#endif
