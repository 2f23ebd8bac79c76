// SPDX-License-Identifier: GPL-2.0-only
/* Plain escape sequences (ECMA-48), which every terminal of today knows. */
#include "screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;
static struct termios before;
static bool taken;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

void screen_catch(void)
{
	struct sigaction action = {.sa_handler = end};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

void screen_begin(void)
{
	struct termios raw;

	screen_catch();
	taken = !tcgetattr(STDIN_FILENO, &before);
	if (taken) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs("\033[?1049h\033[?25l\033[?7l", stdout); /* another screen, no cursor, long lines cut */
}

void screen_end(void)
{
	fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (taken)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

struct winsize screen_size(void)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct winsize real;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &real) && real.ws_row && real.ws_col)
		size = real;
	return size;
}

void screen_draw(const char *frame)
{
	fputs("\033[H", stdout);
	for (const char *line = frame; *line;) {
		size_t n = strcspn(line, "\n");

		printf("%.*s\033[K\r\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

bool screen_wait(int ms)
{
	struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
	char key;

	if (ended)
		return true;
	if (poll(&keys, taken ? 1 : 0, ms) > 0)
		return read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q';
	return ended;
}
