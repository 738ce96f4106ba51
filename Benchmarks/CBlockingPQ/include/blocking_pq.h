// The floor that PGClient is held against: libpq as a C program uses it, blocking, nothing around it.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct blocking_pq;

// What is asked, over and over: the end of a subscriber's window, and what must be answered.
struct blocking_pq_question {
    const char *uid;
    int64_t pay_end_time;
};

// Opens `connections` connections and prepares the look-up on each. NULL when that fails; then `message` says why.
struct blocking_pq *blocking_pq_open(const char *conninfo, int connections, char *message, size_t message_size);

// Asks `rounds` round trips of `depth` look-ups on each connection, each connection on a thread of its own where there are several; depth 1 is a plain
// prepared query, more go as one pipeline with one Sync. The questions are asked in turn and the answers compared.
// `latencies`: nanoseconds of each round trip, connection by connection, room for `connections` * `rounds`.
// Returns 0; anything else when an answer failed or was another than was due; then `message` says what.
int blocking_pq_ask(struct blocking_pq *pq, int64_t resource, const struct blocking_pq_question *questions, int count, int depth, int rounds,
                    int64_t *latencies, char *message, size_t message_size);

void blocking_pq_close(struct blocking_pq *pq);
