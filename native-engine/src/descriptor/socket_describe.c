/* What the payloads of sockets say, for dmtcp_inspect. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "inet_socket.h"
#include "unix_socket.h"

#define NAME(table, value) \
	json_string((value) < sizeof(table) / sizeof(*(table)) && (table)[value] ? \
			    (table)[value] : "unknown")

static json_t *address_text(const struct inet_address *a)
{
	char host[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN + 10];

	if (!a->bytes)
		return NULL;
	if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(a->v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "%s:%u", host, ntohs(a->v4.sin_port));
	}
	return json_string(text);
}

static void set_if(json_t *out, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(out, key, value);
}

void inet_describe(const void *payload, size_t bytes, json_t *out)
{
	static const char *const states[] = { "loose", "listening", "connected", "waiting",
					      "connecting", "refused" };
	static const char *const peers[] = { "none", "member", "gone", "outside", "remote",
					     "reset" };
	struct inet_payload u;

	file_payload_head(payload, bytes, &u, sizeof(u));
	json_object_set_new(out, "protocol", json_string(u.type == SOCK_STREAM ? "tcp" :
							 u.type == SOCK_DGRAM ? "udp" : "raw"));
	json_object_set_new(out, "state", NAME(states, u.state));
	json_object_set_new(out, "peer", NAME(peers, u.peer));
	json_object_set_new(out, "object", file_id_text(u.object));
	if (u.peer_file)
		json_object_set_new(out, "peerFile", file_id_text(u.peer_file));
	set_if(out, "local", address_text(&u.local));
	set_if(out, "remote", address_text(&u.remote));
	json_object_set_new(out, "queuedBytes", json_integer(u.queue_bytes));
}

/* As ss(8) shows them: an abstract name begins with @. */
static json_t *name_text(const struct unix_name *n, const char *directory)
{
	size_t length = n->bytes < sizeof(n->text) ? n->bytes : sizeof(n->text);
	char text[4096 + UNIX_NAME_BYTES + 2];

	if (!length)
		return NULL;
	if (!n->text[0]) {
		text[0] = '@';
		memcpy(text + 1, n->text + 1, length - 1);
		return json_from_bytes(text, length);
	}
	snprintf(text, sizeof(text), "%s%s%.*s", directory, *directory ? "/" : "", (int)length,
		 n->text);
	return json_from_text(text);
}

void unix_describe(const void *payload, size_t bytes, json_t *out)
{
	static const char *const types[] = {
		[SOCK_STREAM] = "unix stream", [SOCK_DGRAM] = "unix datagram",
		[SOCK_SEQPACKET] = "unix seqpacket",
	};
	static const char *const states[] = { "loose", "connected", "listening", "waiting" };
	static const char *const peers[] = { "none", "member", "gone", "outside" };
	struct unix_view v;

	if (!unix_view_read(payload, bytes, &v))
		return;
	json_object_set_new(out, "protocol", NAME(types, v.head.type));
	json_object_set_new(out, "state", NAME(states, v.head.state));
	json_object_set_new(out, "peer", NAME(peers, v.head.peer));
	json_object_set_new(out, "object", file_id_text(v.head.object));
	if (v.head.peer_file)
		json_object_set_new(out, "peerFile", file_id_text(v.head.peer_file));
	set_if(out, "local", name_text(&v.head.name, v.directory));
	set_if(out, "remote", name_text(&v.head.peer_name, v.peer_directory));
	json_object_set_new(out, "queuedBytes", json_integer(v.head.queue_bytes));
}
