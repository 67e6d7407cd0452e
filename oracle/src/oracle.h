// SPDX-License-Identifier: MIT OR Apache-2.0
// What each parser tells about a message: one call of `tell` for each thing it read, in the order of the message.

#ifndef ORACLE_H
#define ORACLE_H

#include <stddef.h>

// The same numbers are in foreign.rs.
enum oracle_field {
    ORACLE_METHOD,
    ORACLE_REQUEST_URI,
    ORACLE_FROM,
    ORACLE_FROM_TAG,
    ORACLE_TO,
    ORACLE_TO_TAG,
    ORACLE_CALL_ID,
    ORACLE_CSEQ,
    ORACLE_CSEQ_METHOD,
    ORACLE_ROUTE, // the URI; once for each entry
    ORACLE_REASON, // once for each value
    ORACLE_MAX_FORWARDS,
    ORACLE_CONTENT_LENGTH,
    ORACLE_REFUSED // why the parser does not accept the message
};

// `value` ends with NUL and with the call.
typedef void (*oracle_tell)(void *env, int field, const char *value);

void oracle_sofia(const char *message, size_t length, oracle_tell tell, void *env);
void oracle_osip(const char *message, size_t length, oracle_tell tell, void *env);

// Once, before the first oracle_osip().
void oracle_osip_start(void);

#endif
