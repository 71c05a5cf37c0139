/*
 * input: requests from the command line, a file or standard input: whole, or a message a line in
 * bounded memory. A line is read only when it is wanted, and waiting for one does not hold up the
 * loop. Owner: the run's arena closes it. Threads: the loop's fibers; one reader.
 */
#pragma once
#include "tools/crmctl/crmctl.h"

struct input;

/* given: JSON, "@file", or "-" for standard input */
enum status input_open(struct ctl *c, const char *given, struct input **ret) MUST_CHECK;
/* Everything. */
enum status input_all(struct input *in, struct str *ret) MUST_CHECK;
/* The next line that is not blank, valid until the next call; p NULL at the end. JSON of the
 * command line counts as one line. */
enum status input_line(struct input *in, struct str *ret) MUST_CHECK;
size_t input_line_number(const struct input *in);
