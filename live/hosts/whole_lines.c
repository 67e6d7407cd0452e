/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Loaded before the libc of a Kamailio under test (LD_PRELOAD): Kamailio asks for an unbuffered stderr, to which a libc
 * from 2.37 on writes a line in pieces of 128 octets, and between these other processes write theirs. So the tests would
 * not find the line that they wait for. With a buffer each line is written at once.
 */
#include <stdio.h>

void setbuf(FILE *stream, char *buffer)
{
	static char line[8192];

	if(stream == stderr && buffer == NULL)
		setvbuf(stream, line, _IOLBF, sizeof(line));
	else
		setvbuf(stream, buffer, buffer != NULL ? _IOFBF : _IONBF, BUFSIZ);
}
