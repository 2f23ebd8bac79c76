// SPDX-License-Identifier: GPL-2.0-only
/*
 * http, https and smtp, by libcurl's multi interface on our loop: it tells which descriptors and which time
 * it waits for, we tell it what has come. Names are never resolved: each request goes to the order's address.
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
#define STATUS_FIRST 200
#define STATUS_LAST 399

struct web {
	struct loop *loop;
	CURLM *multi;
	int timer;
};

/** struct web_request - @header: it has come; @enough: we ended the transfer ourselves */
struct web_request {
	struct check *check;
	CURL *easy;
	struct curl_slist *to;
	bool header;
	bool enough;
	size_t used;
	char *body;
	char error[CURL_ERROR_SIZE];
};

/* --- what comes ------------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct web_request *q = arg;
	const char *wanted = q->check->text[CHECK_TEXT_HEADER];
	size_t length = strlen(wanted);

	q->header |= length && size * n >= length && !strncasecmp(line, wanted, length);
	q->check->phase = "no complete answer";
	return size * n;
}

/* The transfer ends as soon as nothing more can matter. */
static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct web_request *q = arg;
	size_t more = size * n, room = BODY_MAX - q->used;

	if (q->body) {
		memcpy(q->body + q->used, bytes, more < room ? more : room);
		q->used += more < room ? more : room;
	}
	q->enough = !q->body || q->used == BODY_MAX;
	return q->enough ? 0 : more;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static bool has_text(const struct web_request *q)
{
	const char *wanted = q->check->text[CHECK_TEXT_BODY];

	return !q->body || memmem(q->body, q->used, wanted, strlen(wanted));
}

static bool is_wanted(const struct check_order *order, long status)
{
	return order->status ? status == order->status : status >= STATUS_FIRST && status <= STATUS_LAST;
}

static void judge_answer(struct web_request *q, struct check *c)
{
	long status = 0;

	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	if (c->order->kind == CHECK_SMTP)
		check_end(c, CHECK_GOOD, "answered %ld", status);
	else if (!is_wanted(c->order, status))
		check_end(c, CHECK_BAD, "status %ld", status);
	else if (c->text[CHECK_TEXT_HEADER][0] && !q->header)
		check_end(c, CHECK_BAD, "status %ld, but no header '%s'", status, c->text[CHECK_TEXT_HEADER]);
	else if (!has_text(q))
		check_end(c, CHECK_BAD, "status %ld, but no '%s' in the body", status, c->text[CHECK_TEXT_BODY]);
	else
		check_end(c, CHECK_GOOD, "status %ld", status);
}

static void judge(struct web_request *q, struct check *c, CURLcode code)
{
	long err = 0;

	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && q->enough)) {
		judge_answer(q, c);
		return;
	}
	curl_easy_getinfo(q->easy, CURLINFO_OS_ERRNO, &err);
	if (err && (code == CURLE_COULDNT_CONNECT || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR))
		check_fail(c, (int)err);
	else if (code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT || code == CURLE_URL_MALFORMAT)
		check_end(c, CHECK_NONE, "%s", curl_easy_strerror(code));
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
	free(q->body);
	free(q);
}

static void stop(struct check *c)
{
	if (c->request)
		free_request(check_web_of(c), TAKE_PTR(c->request));
}

static void set_target(struct web_request *q, const struct check_order *order, const char *name,
		       const char *path)
{
	static const char *const schemes[CHECK_KIND_MAX] = {
		[CHECK_HTTP] = "http", [CHECK_HTTPS] = "https"};
	char address[ADDRESS_TEXT_LEN], target[ADDRESS_TEXT_LEN + 16], url[1024];
	bool v4 = address_is_ipv4(order->address);

	address_format(order->address, address);
	snprintf(target, sizeof(target), v4 ? "::%s:%u" : "::[%s]:%u", address, order->port);
	q->to = curl_slist_append(NULL, target);
	curl_easy_setopt(q->easy, CURLOPT_CONNECT_TO, q->to);
	snprintf(target, sizeof(target), v4 ? "%s" : "[%s]", address);
	if (order->kind == CHECK_SMTP)
		snprintf(url, sizeof(url), "smtp://%s:%u/%s", target, order->port, name[0] ? name : "defib");
	else
		snprintf(url, sizeof(url), "%s://%s:%u%s", schemes[order->kind], name[0] ? name : target,
			 order->port, path[0] ? path : "/");
	curl_easy_setopt(q->easy, CURLOPT_URL, url);
}

static void set_options(struct web_request *q, const struct check_order *order)
{
	CURL *easy = q->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, q);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, q->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,smtp");
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "defib-check/" DEFIB_VERSION);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)order->verify);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, order->verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, q);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
	if (order->kind == CHECK_SMTP)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "NOOP");
}

static struct web_request *new_request(struct check *c)
{
	struct web_request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->check = c;
	q->easy = curl_easy_init();
	q->body = c->text[CHECK_TEXT_BODY][0] ? malloc(BODY_MAX) : NULL;
	if (!q->easy || (c->text[CHECK_TEXT_BODY][0] && !q->body)) {
		free_request(check_web_of(c), q);
		return NULL;
	}
	set_options(q, c->order);
	set_target(q, c->order, c->text[CHECK_TEXT_NAME], c->text[CHECK_TEXT_PATH]);
	return q;
}

static void start(struct check *c)
{
	c->phase = "no answer";
	c->request = new_request(c);
	if (c->request && !curl_multi_add_handle(check_web_of(c)->multi, c->request->easy))
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

struct web *web_new(struct loop *loop)
{
	struct web *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->loop = loop;
	w->timer = timer_open();
	if (!curl_global_init(CURL_GLOBAL_DEFAULT))
		w->multi = curl_multi_init();
	if (!w->multi || w->timer < 0 || loop_add(loop, w->timer, EPOLLIN, on_timer, w)) {
		web_free(w);
		return NULL;
	}
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	return w;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	if (w->multi)
		curl_multi_cleanup(w->multi);
	clean_close(&w->timer);
	free(w);
}
