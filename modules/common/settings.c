/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"
#include "check.h"
#include "unconfirmed.h"

/* Below that the library would take more than it was given. */
#define STORE_SIZE_LEAST (2 * 1024 * 1024)
/* By how much an attempt outlives the host's transactions: that of the BYE for service control is longer, and they come late. */
#define ATTEMPT_MORE_MS 10000

struct settings settings = {
	.default_cause = 503,
	.deadline = 120,
	.linger = 32,
	.retry = 1,
	.bypass = 1,
	.hold = 1,
	.refuse_requests = 1,
	.check_bye = 1,
	.charging_vector = 1,
	.session_timer = 1,
	.flow = 1,
	.dialog_lifetime = 43200,
	.send_rate = 400,
	.job_rate = 200,
	.job_inflight = 500,
};

static ims_release_str headers[IMS_RELEASE_MAX_HEADERS];
static size_t header_count = 0;

static ims_release_own own[IMS_RELEASE_MAX_OWN];
static size_t own_count = 0;
static size_t own_left_out = 0;

static uint32_t attempt_ms = 0;

#define complain(...) report(IMS_RELEASE_LOG_ERROR, __VA_ARGS__)

int settings_add_header(ims_release_str header)
{
	if(header_count == IMS_RELEASE_MAX_HEADERS) {
		complain("modparam header: given more than %d times", IMS_RELEASE_MAX_HEADERS);
		return -1;
	}
	headers[header_count++] = header;
	return 0;
}

int settings_add_own(ims_release_str text)
{
	if(own_count == IMS_RELEASE_MAX_OWN) {
		complain("modparam own: given more than %d times", IMS_RELEASE_MAX_OWN);
		return -1;
	}
	if(text.len > 4 && (strncasecmp(text.s, "sip:", 4) == 0 || strncasecmp(text.s, "sips:", 5) == 0))
		own[own_count].uri = text;
	else
		own[own_count].host = text;
	own_count++;
	return 0;
}

int settings_have_own(void)
{
	return own_count > 0;
}

int settings_add_host(ims_release_str host, unsigned int port)
{
	int bracketed = memchr(host.s, ':', (size_t)host.len) != NULL && host.s[0] != '[';
	size_t size = (size_t)host.len + sizeof("[]:65535");
	char *text = malloc(size);

	if(text == NULL) {
		complain("out of memory");
		return -1;
	}
	int length = snprintf(text, size, "%s%.*s%s", bracketed ? "[" : "", host.len, host.s, bracketed ? "]" : "");
	if(port != 0)
		length += snprintf(text + length, size - (size_t)length, ":%u", port & 0xffff);
	for(size_t i = 0; i < own_count; i++) {
		if(own[i].host.len == length && strncasecmp(own[i].host.s, text, (size_t)length) == 0) {
			free(text);
			return 0;
		}
	}
	if(own_count == IMS_RELEASE_MAX_OWN) {
		own_left_out++;
		free(text);
		return 0;
	}
	own[own_count++].host = (ims_release_str){text, length};
	return 0;
}

void settings_end_hosts(void)
{
	if(own_left_out > 0)
		report(IMS_RELEASE_LOG_WARNING,
				"%zu own addresses and aliases are left out, more than %d are not compared: name those that stand in "
				"Record-Route with modparam own",
				own_left_out, IMS_RELEASE_MAX_OWN);
}

void settings_default_reason(uint32_t *cause, ims_release_str *text)
{
	*cause = (uint32_t)settings.default_cause;
	*text = settings.default_text;
	if(settings.default_text.len == 0 && settings.default_cause == 503)
		*text = (ims_release_str){"Service Unavailable", sizeof("Service Unavailable") - 1};
}

void settings_options(uint32_t cause, ims_release_str text, ims_release_options *options)
{
	memset(options, 0, sizeof(*options));
	options->struct_size = sizeof(*options);
	options->form = IMS_RELEASE_FORM_LOOP;
	options->cause = cause;
	options->text = text;
	options->headers = headers;
	options->header_count = header_count;
}

static int check_reason_and_headers(void)
{
	ims_release_options options;
	uint32_t cause;
	ims_release_str text;
	ims_release_status status;

	settings_default_reason(&cause, &text);
	settings_options(cause, text, &options);
	options.header_count = 0;
	status = check_options(&options);
	if(status == IMS_RELEASE_BAD_REASON_TEXT) {
		complain("modparam default_text: %s", ims_release_status_text(status));
		return -1;
	}
	if(status != IMS_RELEASE_OK) {
		complain("modparam default_cause %d: %s", settings.default_cause, ims_release_status_text(status));
		return -1;
	}
	/* One more each time: the last one is the one that is refused. */
	for(size_t count = 1; count <= header_count; count++) {
		options.header_count = count;
		status = check_options(&options);
		if(status != IMS_RELEASE_OK) {
			complain("modparam header \"%.*s\": %s", headers[count - 1].len, headers[count - 1].s,
					ims_release_status_text(status));
			return -1;
		}
	}
	return 0;
}

static int check_numbers(uint32_t transaction_ms, const char *transaction)
{
	const struct {
		const char *name;
		int value;
		int least;
		int most;
	} ranges[] = {
		{"deadline", settings.deadline, 1, 86400},
		{"attempt", settings.attempt, 0, 3600},
		{"linger", settings.linger, 0, 3600},
		{"retry", settings.retry, 0, 1},
		{"bypass", settings.bypass, 0, 1},
		{"hold", settings.hold, 0, 1},
		{"refuse_requests", settings.refuse_requests, 0, 1},
		{"check_bye", settings.check_bye, 0, 1},
		{"charging_vector", settings.charging_vector, 0, 1},
		{"session_timer", settings.session_timer, 0, 1},
		{"flow", settings.flow, 0, 2},
		{"dialog_lifetime", settings.dialog_lifetime, 60, 31536000},
		{"send_rate", settings.send_rate, 1, 10000},
		{"job_rate", settings.job_rate, 1, 65535},
		{"job_inflight", settings.job_inflight, 1, 65535},
	};

	for(size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if(ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most) {
			complain("modparam %s: %d is not from %d to %d", ranges[i].name, ranges[i].value, ranges[i].least,
					ranges[i].most);
			return -1;
		}
	}
	attempt_ms = settings.attempt > 0 ? (uint32_t)settings.attempt * 1000 : transaction_ms + ATTEMPT_MORE_MS;
	/* Else a release would be over before a BYE had its time, which may have had to wait for the ACK. */
	uint64_t hold_ms = settings.hold ? IMS_RELEASE_LONGEST_HOLD_MS : 0;
	if((uint64_t)settings.deadline * 1000 < hold_ms + attempt_ms) {
		complain("modparam deadline: %d seconds are less than one attempt takes, %" PRIu32 " milliseconds (%s and 10 "
				 "seconds, or modparam attempt)%s",
				settings.deadline, attempt_ms, transaction,
				settings.hold ? ", after 33000 that a BYE may wait for the ACK (none with modparam hold 0)" : "");
		return -1;
	}
	return 0;
}

int settings_validate(uint32_t transaction_ms, const char *name)
{
	if(settings.store.len == 0 || settings.store.s[0] != '/') {
		complain("modparam store: \"%.*s\" is no absolute path of a directory", settings.store.len, settings.store.s);
		return -1;
	}
	if(settings.store_size != 0 && settings.store_size < STORE_SIZE_LEAST) {
		complain("modparam store_size: %d is below %d octets", settings.store_size, STORE_SIZE_LEAST);
		return -1;
	}
	if(check_numbers(transaction_ms, name) < 0 || check_reason_and_headers() < 0)
		return -1;
	for(size_t i = 0; i < own_count; i++) {
		ims_release_str text = own[i].uri.len > 0 ? own[i].uri : own[i].host;
		ims_release_status status = check_own(&own[i]);
		if(status != IMS_RELEASE_OK) {
			complain("modparam own \"%.*s\": %s", text.len, text.s, ims_release_status_text(status));
			return -1;
		}
	}
	return 0;
}

int settings_open(uint32_t uid, uint32_t gid, ims_release_ended_fn ended)
{
	ims_release_config config;
	ims_release_status status;

	memset(&config, 0, sizeof(config));
	config.struct_size = sizeof(config);
	config.engine = IMS_RELEASE_ENGINE_SHARED;
	config.directory = settings.store;
	config.size = (uint64_t)settings.store_size;
	config.uid = uid;
	config.gid = gid;
	config.deadline_ms = (uint32_t)settings.deadline * 1000;
	config.attempt_ms = attempt_ms;
	config.linger_ms = settings.linger > 0 ? (uint32_t)settings.linger * 1000 : IMS_RELEASE_LINGER_NONE;
	config.dialog_lifetime_s = (uint32_t)settings.dialog_lifetime;
	config.policy = (settings.retry ? 0 : IMS_RELEASE_NO_RETRY) | (settings.bypass ? 0 : IMS_RELEASE_NO_BYPASS)
					| (settings.hold ? 0 : IMS_RELEASE_NO_HOLD)
					| (settings.refuse_requests ? 0 : IMS_RELEASE_NO_REFUSAL)
					| (settings.check_bye ? 0 : IMS_RELEASE_NO_BYE_CHECK)
					| (settings.charging_vector ? 0 : IMS_RELEASE_NO_CHARGING_VECTOR)
					| (settings.session_timer ? 0 : IMS_RELEASE_NO_SESSION_TIMER)
					| (settings.flow == 0 ? IMS_RELEASE_NO_FLOW : 0) | (settings.flow == 2 ? IMS_RELEASE_ALWAYS_FLOW : 0);
	config.own = own;
	config.own_count = own_count;
	config.ended = ended;
	config.unconfirmed = unconfirmed;
	status = ims_release_registry_open(&config, &registry);
	/* Where the operating system refused, the library has said what and where. */
	if(status != IMS_RELEASE_OK && status != IMS_RELEASE_STORE_IO)
		complain("modparam store \"%.*s\", store_size %d: %s", settings.store.len, settings.store.s, settings.store_size,
				ims_release_status_text(status));
	return status == IMS_RELEASE_OK ? 0 : -1;
}

int settings_resume(void)
{
	ims_release_resumed resumed;
	ims_release_status status;

	memset(&resumed, 0, sizeof(resumed));
	resumed.struct_size = sizeof(resumed);
	status = ims_release_registry_resume(registry, now_ms(), &resumed);
	if(status != IMS_RELEASE_OK) {
		complain("releases of an earlier run are not taken up again: %s", ims_release_status_text(status));
		return -1;
	}
	if(resumed.releases > 0 || resumed.unconfirmed > 0)
		report(IMS_RELEASE_LOG_INFO,
				"an earlier run has left %" PRIu64 " releases under way, %" PRIu64 " BYEs of them are due; %" PRIu64
				" outcomes may not have been heard",
				resumed.releases, resumed.byes, resumed.unconfirmed);
	return 0;
}
