// Files that the program carries with it, so that one binary is all there is to install. The compiler names them as dependencies of this file: a
// change of one compiles this file again and nothing else. #embed is C23, which clang has in every mode and warns of below that.
#pragma clang diagnostic ignored "-Wc23-extensions"
#include "market_files.h"

static const unsigned char migration_0001[] = {
#embed "../../sql/migrations/0001_roles.sql"
};
static const unsigned char migration_0002[] = {
#embed "../../sql/migrations/0002_catalog.sql"
};
static const unsigned char migration_0003[] = {
#embed "../../sql/migrations/0003_billing.sql"
};
static const unsigned char migration_0004[] = {
#embed "../../sql/migrations/0004_window_short_path.sql"
};
static const unsigned char migration_0005[] = {
#embed "../../sql/migrations/0005_written_windows.sql"
};
static const unsigned char migration_0006[] = {
#embed "../../sql/migrations/0006_plain_since.sql"
};
static const unsigned char invariants[] = {
#embed "../../sql/invariants.sql"
};
static const unsigned char contract[] = {
#embed "../../openapi.yaml"
};

// A new migration is three lines above and one here; a test holds this list against the folder.
static const struct market_file migrations[] = {
    { "0001_roles.sql", migration_0001, sizeof migration_0001 },
    { "0002_catalog.sql", migration_0002, sizeof migration_0002 },
    { "0003_billing.sql", migration_0003, sizeof migration_0003 },
    { "0004_window_short_path.sql", migration_0004, sizeof migration_0004 },
    { "0005_written_windows.sql", migration_0005, sizeof migration_0005 },
    { "0006_plain_since.sql", migration_0006, sizeof migration_0006 },
};

struct market_file market_migration(size_t index) {
    static const struct market_file none = { NULL, NULL, 0 };
    return index < sizeof migrations / sizeof migrations[0] ? migrations[index] : none;
}

struct market_file market_contract(void) {
    return (struct market_file){ "openapi.yaml", contract, sizeof contract };
}

struct market_file market_invariants(void) {
    return (struct market_file){ "invariants.sql", invariants, sizeof invariants };
}
