/* SPDX-License-Identifier: GPL-2.0-only */
/* A terminal for views that are drawn again and again. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <sys/ioctl.h>

/** screen_begin() - take the terminal, and signals that end us; screen_end() gives it back. */
void screen_begin(void);
void screen_end(void);

/** screen_size() - of standard output, 24 rows and 80 columns where nobody knows. */
struct winsize screen_size(void);

/** screen_draw() - lines of text, in one piece and each cleared to its end: no flicker */
void screen_draw(const char *frame);

/** screen_catch() - signals end screen_wait() instead of us; for views without a terminal */
void screen_catch(void);

/** screen_wait() - Return: q was pressed, or a signal came, before the time was over. */
bool screen_wait(int ms);

#endif
