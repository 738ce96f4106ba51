#include "blocking_pq.h"

#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Of pg_type.dat; the same types that PGClient binds.
enum { OID_INT8 = 20, OID_TEXT = 25 };

struct connection {
    PGconn *handle;
    pthread_t thread;
    // What a thread is to do, and what became of it.
    int64_t resource;
    const struct blocking_pq_question *questions;
    int count, depth, rounds, first;
    int64_t *latencies;
    int failed;
    char message[256];
};

struct blocking_pq {
    int count;
    struct connection connections[];
};

static int fail(struct connection *c, const char *what) {
    snprintf(c->message, sizeof c->message, "%s: %s", what, PQerrorMessage(c->handle));
    return c->failed = 1;
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Compares one answer with what is due, and frees it.
static int check(struct connection *c, PGresult *result, const struct blocking_pq_question *question) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        PQclear(result);
        return fail(c, "no answer");
    }
    int64_t value = 0;
    int right = PQntuples(result) == 1 && PQftype(result, 0) == OID_INT8 && PQgetlength(result, 0, 0) == sizeof value;
    if (right) {
        memcpy(&value, PQgetvalue(result, 0, 0), sizeof value);
        right = (int64_t)be64toh((uint64_t)value) == question->pay_end_time;
    }
    PQclear(result);
    return right ? 0 : fail(c, "another value than is stored");
}

struct parameters {
    int64_t resource;
    const char *values[2];
    int lengths[2];
};

static const int formats[2] = {1, 1};

static void bind(struct parameters *p, const struct connection *c, const struct blocking_pq_question *question) {
    p->resource = (int64_t)htobe64((uint64_t)c->resource);
    p->values[0] = (const char *)&p->resource;
    p->lengths[0] = sizeof p->resource;
    p->values[1] = question->uid;
    p->lengths[1] = (int)strlen(question->uid);
}

static int ask_one(struct connection *c, const struct blocking_pq_question *question) {
    struct parameters p;
    bind(&p, c, question);
    return check(c, PQexecPrepared(c->handle, "look_up", 2, p.values, p.lengths, formats, 1), question);
}

static int ask_pipeline(struct connection *c, int first) {
    if (PQenterPipelineMode(c->handle) != 1) return fail(c, "no pipeline");
    for (int n = 0; n < c->depth; n++) {
        struct parameters p;
        bind(&p, c, &c->questions[(first + n) % c->count]);
        if (PQsendQueryPrepared(c->handle, "look_up", 2, p.values, p.lengths, formats, 1) != 1) return fail(c, "not sent");
    }
    if (PQpipelineSync(c->handle) != 1) return fail(c, "not sent");
    for (int n = 0; n < c->depth; n++) {
        if (check(c, PQgetResult(c->handle), &c->questions[(first + n) % c->count])) return 1;
        if (PQgetResult(c->handle) != NULL) return fail(c, "two answers");
    }
    PGresult *sync = PQgetResult(c->handle);
    int right = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    PQclear(sync);
    return right && PQexitPipelineMode(c->handle) == 1 ? 0 : fail(c, "no end");
}

static void *run(void *argument) {
    struct connection *c = argument;
    int next = c->first;
    for (int round = 0; round < c->rounds; round++) {
        int64_t start = now();
        int failed = c->depth == 1 ? ask_one(c, &c->questions[next]) : ask_pipeline(c, next);
        if (failed) return NULL;
        c->latencies[round] = now() - start;
        next = (next + c->depth) % c->count;
    }
    return NULL;
}

struct blocking_pq *blocking_pq_open(const char *conninfo, int connections, char *message, size_t message_size) {
    struct blocking_pq *pq = calloc(1, sizeof *pq + (size_t)connections * sizeof pq->connections[0]);
    if (pq == NULL) return NULL;
    for (; pq->count < connections; pq->count++) {
        struct connection *c = &pq->connections[pq->count];
        c->handle = PQconnectdb(conninfo);
        const Oid types[2] = {OID_INT8, OID_TEXT};
        PGresult *prepared =
            PQprepare(c->handle, "look_up", "select pay_end_time from paid_window where resource_id = $1 and uid = $2", 2, types);
        int right = PQresultStatus(prepared) == PGRES_COMMAND_OK;
        PQclear(prepared);
        if (right) continue;
        snprintf(message, message_size, "%s", PQerrorMessage(c->handle));
        pq->count++;
        blocking_pq_close(pq);
        return NULL;
    }
    return pq;
}

int blocking_pq_ask(struct blocking_pq *pq, int64_t resource, const struct blocking_pq_question *questions, int count, int depth, int rounds,
                    int64_t *latencies, char *message, size_t message_size) {
    int failed = 0, started = 0;
    for (; started < pq->count; started++) {
        struct connection *c = &pq->connections[started];
        c->resource = resource;
        c->questions = questions;
        c->count = count;
        c->depth = depth;
        c->rounds = rounds;
        c->first = count / pq->count * started;
        c->latencies = latencies + (size_t)started * (size_t)rounds;
        c->failed = 0;
        if (pq->count == 1) {
            run(c);
        } else if (pthread_create(&c->thread, NULL, run, c) != 0) {
            snprintf(message, message_size, "no thread");
            failed = 1;
            break;
        }
    }
    for (int n = 0; n < started; n++) {
        struct connection *c = &pq->connections[n];
        if (pq->count > 1) pthread_join(c->thread, NULL);
        if (!c->failed) continue;
        snprintf(message, message_size, "%s", c->message);
        failed = 1;
    }
    return failed;
}

void blocking_pq_close(struct blocking_pq *pq) {
    for (int n = 0; n < pq->count; n++) PQfinish(pq->connections[n].handle);
    free(pq);
}
