#pragma once
#include <libpq-fe.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

// EFD_* are an enum that Swift does not import.
static inline int market_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
