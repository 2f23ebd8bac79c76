// SPDX-License-Identifier: GPL-2.0-only
/*
 * http and https, by libcurl's multi interface on our loop: it tells which descriptors and which time it
 * waits for, we tell it what has come. Names are never resolved: each request goes to the order's address.
 */
#include "check.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/text.h"

#define BODY_MAX 65536 /* how far into an answer a text is looked for */
#define TEXT_MAX 256   /* of such a text; conf/ lets no longer one through */
#define RECEIVE_MAX 4096L
#define CA_KEPT_S 60   /* how long what was read of a file of certificates is good */
#define STATUS_FIRST 200
#define STATUS_LAST 399

/**
 * struct web - requests that trust the same certificates, which are then read once for all of them
 * @ca: path, owned; empty: the system's
 */
struct web {
	struct loop *loop;
	struct web *next;
	char *ca;
	CURLM *multi;
	int timer;
};

/**
 * struct web_request - one under way
 * @answering: there is the beginning of an answer
 * @header, @found: the header, the text have come
 * @enough: we ended the transfer ourselves
 * @fd: its socket, libcurl's; -1: there is none yet
 * @seen: bytes of the body
 * @tail: the last @kept of them, which may be the beginning of the wanted text
 * @own_err: errno of a socket that could not be made
 */
struct web_request {
	struct check *check;
	CURL *easy;
	struct curl_slist *to;
	bool answering;
	bool header;
	bool found;
	bool enough;
	int fd;
	int own_err;
	size_t seen;
	size_t kept;
	char tail[TEXT_MAX];
	char error[CURL_ERROR_SIZE];
};

/* --- what comes ------------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct web_request *q = arg;
	const char *wanted = q->check->text[CHECK_TEXT_HEADER];
	size_t length = strlen(wanted);

	q->header |= length && size * n >= length && !strncasecmp(line, wanted, length);
	q->answering = true;
	return size * n;
}

static bool holds(const char *bytes, size_t n, const char *text)
{
	return memmem(bytes, n, text, strlen(text));
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A text may begin in what came before: less than the whole of it is kept of that. */
static bool completes(const struct web_request *q, const char *bytes, size_t n, const char *text)
{
	char both[2 * TEXT_MAX];
	size_t more = least(n, TEXT_MAX);

	memcpy(both, q->tail, q->kept);
	memcpy(both + q->kept, bytes, more);
	return holds(both, q->kept + more, text);
}

static void keep(struct web_request *q, const char *bytes, size_t n, size_t room)
{
	size_t old = n < room ? least(q->kept, room - n) : 0, new = least(n, room);

	memmove(q->tail, q->tail + q->kept - old, old);
	memcpy(q->tail + old, bytes + n - new, new);
	q->kept = old + new;
}

/* The transfer ends as soon as nothing more can matter. */
static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct web_request *q = arg;
	const char *wanted = q->check->text[CHECK_TEXT_BODY];
	size_t more = least(size * n, BODY_MAX - q->seen), length = strnlen(wanted, TEXT_MAX);

	q->found |= !length || holds(bytes, more, wanted) || completes(q, bytes, more, wanted);
	if (length)
		keep(q, bytes, more, length - 1);
	q->seen += more;
	q->enough = q->found || q->seen == BODY_MAX;
	return q->enough ? 0 : size * n;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static bool is_wanted(const struct check_order *order, long status)
{
	return order->status ? status == order->status : status >= STATUS_FIRST && status <= STATUS_LAST;
}

static void judge_answer(struct web_request *q, struct check *c)
{
	long status = 0;

	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!is_wanted(c->order, status))
		check_end(c, CHECK_BAD, "status %ld", status);
	else if (c->text[CHECK_TEXT_HEADER][0] && !q->header)
		check_end(c, CHECK_BAD, "status %ld, but no header '%s'", status, c->text[CHECK_TEXT_HEADER]);
	else if (c->text[CHECK_TEXT_BODY][0] && !q->found)
		check_end(c, CHECK_BAD, "status %ld, but no '%s' in the body", status, c->text[CHECK_TEXT_BODY]);
	else
		check_end(c, CHECK_GOOD, "status %ld", status);
}

/* Errors that tell of this machine, or of the configuration. */
static bool is_ours(CURLcode code)
{
	static const CURLcode ours[] = {CURLE_OUT_OF_MEMORY,   CURLE_FAILED_INIT,      CURLE_URL_MALFORMAT,
					CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ENGINE_INITFAILED};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		if (code == ours[i])
			return true;
	}
	return false;
}

static void judge(struct web_request *q, struct check *c, CURLcode code)
{
	long err = 0;

	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && q->enough)) {
		judge_answer(q, c);
		return;
	}
	curl_easy_getinfo(q->easy, CURLINFO_OS_ERRNO, &err);
	if (q->own_err)
		check_end(c, CHECK_NONE, "cannot ask: %s", strerror(q->own_err));
	else if (err &&
		 (code == CURLE_COULDNT_CONNECT || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR))
		check_fail(c, (int)err);
	else if (is_ours(code))
		check_end(c, CHECK_NONE, "cannot ask: %s", q->error[0] ? q->error : curl_easy_strerror(code));
	else
		check_end(c, CHECK_BAD, "%s", q->error[0] ? q->error : curl_easy_strerror(code));
}

/* --- a request -------------------------------------------------------------------------------- */

static void free_request(struct web *w, struct web_request *q)
{
	if (q->easy) {
		curl_multi_remove_handle(w->multi, q->easy);
		curl_easy_cleanup(q->easy);
	}
	curl_slist_free_all(q->to);
	free(q);
}

static bool is_connected(const struct web_request *q)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);

	return q->fd >= 0 && !getpeername(q->fd, (struct sockaddr *)&peer, &size);
}

/* How far it came, for whoever tells that time is over. */
static const char *phase_of(const struct web_request *q)
{
	curl_off_t tls_us = 0;

	curl_easy_getinfo(q->easy, CURLINFO_APPCONNECT_TIME_T, &tls_us);
	if (!is_connected(q))
		return "no connection";
	if (q->check->order->kind == CHECK_HTTPS && !tls_us)
		return "no TLS session";
	return q->answering ? "no complete answer" : "no answer";
}

static void stop(struct check *c)
{
	if (!c->request)
		return;
	c->phase = phase_of(c->request);
	free_request(c->web, TAKE_PTR(c->request));
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct web_request *q = arg;
	CLEAN_CLOSE int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	int err = fd < 0 ? -errno : check_reset_on_close(fd);

	(void)purpose;
	q->own_err = -err;
	q->fd = err ? -1 : TAKE_FD(fd);
	return q->fd < 0 ? CURL_SOCKET_BAD : q->fd;
}

static void set_target(struct web_request *q, const struct check_order *order, const char *name,
		       const char *path)
{
	const char *scheme = order->kind == CHECK_HTTPS ? "https" : "http";
	char address[ADDRESS_TEXT_LEN], target[ADDRESS_TEXT_LEN + 16], url[1024];
	bool v4 = address_is_ipv4(order->address);

	address_format(order->address, address);
	snprintf(target, sizeof(target), v4 ? "::%s:%u" : "::[%s]:%u", address, order->port);
	q->to = curl_slist_append(NULL, target);
	curl_easy_setopt(q->easy, CURLOPT_CONNECT_TO, q->to);
	snprintf(target, sizeof(target), v4 ? "%s" : "[%s]", address);
	snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, name[0] ? name : target, order->port,
		 path[0] ? path : "/");
	curl_easy_setopt(q->easy, CURLOPT_URL, url);
}

static void set_options(struct web_request *q)
{
	CURL *easy = q->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, q);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, q->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_MAX);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "defib-check/" DEFIB_VERSION);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, q);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, q);
}

/* Read only by those who verify. libcurl keeps what it read of a file, but not of a folder. */
static void set_trust(CURL *easy, bool verify, const char *ca)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)verify);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_KEPT_S);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	if (*ca || !verify)
		curl_easy_setopt(easy, CURLOPT_CAINFO, verify ? ca : NULL);
}

static struct web_request *new_request(struct check *c)
{
	struct web_request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->check = c;
	q->fd = -1;
	q->easy = curl_easy_init();
	if (!q->easy) {
		free_request(c->web, q);
		return NULL;
	}
	set_options(q);
	set_trust(q->easy, c->order->verify, c->text[CHECK_TEXT_CA]);
	set_target(q, c->order, c->text[CHECK_TEXT_NAME], c->text[CHECK_TEXT_PATH]);
	if (q->to)
		return q;
	free_request(c->web, q); /* it would go to whatever the name resolves to */
	return NULL;
}

static void start(struct check *c)
{
	c->request = new_request(c);
	if (c->request && !curl_multi_add_handle(c->web->multi, c->request->easy))
		return;
	stop(c);
	check_fail(c, ENOMEM);
}

const struct check_method check_web = {.start = start, .stop = stop};

/* --- libcurl on the loop ---------------------------------------------------------------------- */

static void take_done(struct web *w)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(w->multi, &left))) {
		struct web_request *q = NULL;
		CURLcode code = m->data.result;
		struct check *c;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &q) || !q)
			continue;
		c = q->check;
		c->request = NULL;
		judge(q, c, code);
		free_request(w, q);
	}
}

/** struct web_socket - one of libcurl's that is watched */
struct web_socket {
	struct web *web;
	curl_socket_t fd;
};

static void on_socket(void *arg, uint32_t events)
{
	struct web_socket socket = *(struct web_socket *)arg; /* libcurl may drop it meanwhile */
	int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;

	curl_multi_socket_action(socket.web->multi, socket.fd, what, &running);
	take_done(socket.web);
}

static void forget_socket(struct web *w, struct web_socket *s)
{
	if (!s)
		return;
	loop_del(w->loop, s->fd);
	curl_multi_assign(w->multi, s->fd, NULL);
	free(s);
}

static void watch_socket(struct web *w, curl_socket_t fd, uint32_t events)
{
	struct web_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return; /* its deadline will end it */
	*s = (struct web_socket){.web = w, .fd = fd};
	if (loop_add(w->loop, fd, events, on_socket, s))
		free(s);
	else
		curl_multi_assign(w->multi, fd, s);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	struct web *w = arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE)
		forget_socket(w, known);
	else if (known)
		loop_change(w->loop, fd, events);
	else
		watch_socket(w, fd, events);
	return 0;
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
	struct web *w = arg;

	(void)multi;
	timer_set(w->timer, ms < 0 ? 0 : clock_now_ns() + (uint64_t)ms * 1000000 + 1);
	return 0;
}

static void on_timer(void *arg, uint32_t events)
{
	struct web *w = arg;
	int running;

	(void)events;
	fd_drain(w->timer);
	curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_done(w);
}

static void free_web(struct web *w)
{
	if (w->multi)
		curl_multi_cleanup(w->multi);
	clean_close(&w->timer);
	free(w->ca);
	free(w);
}

static struct web *new_web(struct loop *loop, const char *ca)
{
	struct web *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->loop = loop;
	w->ca = strdup(ca);
	w->timer = timer_open();
	if (w->ca && !curl_global_init(CURL_GLOBAL_DEFAULT))
		w->multi = curl_multi_init();
	if (!w->multi || w->timer < 0 || loop_add(loop, w->timer, EPOLLIN, on_timer, w)) {
		free_web(w);
		return NULL;
	}
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	return w;
}

struct web *web_find(struct web **list, struct loop *loop, const char *ca)
{
	struct web *w = *list;

	while (w && strcmp(w->ca, ca))
		w = w->next;
	if (w)
		return w;
	w = new_web(loop, ca);
	if (w) {
		w->next = *list;
		*list = w;
	}
	return w;
}

void web_free_all(struct web *list)
{
	while (list) {
		struct web *next = list->next;

		free_web(list);
		list = next;
	}
}
