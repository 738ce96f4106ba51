#ifndef MARKET_FILES_H
#define MARKET_FILES_H

#include <stddef.h>

/// A file of the repository as it was when the program was compiled.
struct market_file {
    const char *name;
    const unsigned char *bytes;
    size_t count;
};

/// The migration at an index from 0, in order; its name is null past the last one.
struct market_file market_migration(size_t index);

/// sql/invariants.sql
struct market_file market_invariants(void);

/// openapi.yaml
struct market_file market_contract(void);

#endif
