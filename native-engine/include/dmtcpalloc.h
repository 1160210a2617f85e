/*
 * Containers that hooks can use while the threads of the program stand still: their memory comes
 * without a lock that one of those could hold. As in DMTCP 5.0, for C++11 and later; for C the two functions.
 */
#ifndef DMTCPALLOC_H
#define DMTCPALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Aligned to 16 bytes; NULL: there is none. Absent where libdmtcp.so is. */
void *dmtcp_memory_take(size_t bytes) __attribute__((weak, visibility("default")));
/* @bytes: as many as were taken. */
void dmtcp_memory_give(void *memory, size_t bytes) __attribute__((weak, visibility("default")));
#ifdef __cplusplus
}

#include <cstdlib>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <new>
#include <queue>
#include <set>
#include <sstream>
#include <stack>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dmtcp {
template <typename T> class DmtcpAlloc {
public:
	typedef T value_type;
	typedef T *pointer;
	typedef const T *const_pointer;
	typedef T &reference;
	typedef const T &const_reference;
	typedef std::size_t size_type;
	typedef std::ptrdiff_t difference_type;
	template <typename U> struct rebind {
		typedef DmtcpAlloc<U> other;
	};

	DmtcpAlloc() noexcept {}
	template <typename U> DmtcpAlloc(const DmtcpAlloc<U> &) noexcept {}

	pointer allocate(size_type count)
	{
		void *memory = NULL;

		static_assert(alignof(T) <= 16, "no memory is aligned to more than 16 bytes");
		if (count <= max_size())
			memory = ::dmtcp_memory_take ? ::dmtcp_memory_take(count * sizeof(T)) :
						       std::malloc(count * sizeof(T));
		if (!memory)
			throw std::bad_alloc();
		return static_cast<pointer>(memory);
	}

	void deallocate(pointer memory, size_type count) noexcept
	{
		if (::dmtcp_memory_give)
			::dmtcp_memory_give(memory, count * sizeof(T));
		else
			std::free(memory);
	}

	size_type max_size() const noexcept
	{
		return std::numeric_limits<size_type>::max() / 2 / sizeof(T);
	}
};

template <typename T, typename U>
bool operator==(const DmtcpAlloc<T> &, const DmtcpAlloc<U> &) noexcept
{
	return true;
}

template <typename T, typename U>
bool operator!=(const DmtcpAlloc<T> &, const DmtcpAlloc<U> &) noexcept
{
	return false;
}

typedef std::basic_string<char, std::char_traits<char>, DmtcpAlloc<char>> string;
typedef std::basic_stringbuf<char, std::char_traits<char>, DmtcpAlloc<char>> stringbuf;
typedef std::basic_istringstream<char, std::char_traits<char>, DmtcpAlloc<char>> istringstream;
typedef std::basic_ostringstream<char, std::char_traits<char>, DmtcpAlloc<char>> ostringstream;
typedef std::basic_stringstream<char, std::char_traits<char>, DmtcpAlloc<char>> stringstream;

template <typename T> using vector = std::vector<T, DmtcpAlloc<T>>;
template <typename T> using list = std::list<T, DmtcpAlloc<T>>;
template <typename T> using deque = std::deque<T, DmtcpAlloc<T>>;
template <typename T> using queue = std::queue<T, deque<T>>;
template <typename T> using stack = std::stack<T, deque<T>>;
template <typename K, typename Less = std::less<K>> using set = std::set<K, Less, DmtcpAlloc<K>>;
template <typename K, typename V, typename Less = std::less<K>>
using map = std::map<K, V, Less, DmtcpAlloc<std::pair<const K, V>>>;
template <typename K, typename V, typename Less = std::less<K>>
using multimap = std::multimap<K, V, Less, DmtcpAlloc<std::pair<const K, V>>>;
template <typename K, typename V, typename Hash = std::hash<K>, typename Equal = std::equal_to<K>>
using unordered_map = std::unordered_map<K, V, Hash, Equal, DmtcpAlloc<std::pair<const K, V>>>;
template <typename K, typename Hash = std::hash<K>, typename Equal = std::equal_to<K>>
using unordered_set = std::unordered_set<K, Hash, Equal, DmtcpAlloc<K>>;
}

namespace std {
/* So that dmtcp::string can be a key of dmtcp::unordered_map. */
template <> struct hash<dmtcp::string> {
	size_t operator()(const dmtcp::string &text) const noexcept
	{
		size_t sum = 14695981039346656037ull; /* FNV-1a */

		for (char c : text)
			sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ull;
		return sum;
	}
};
}
#endif

#endif
