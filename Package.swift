// swift-tools-version:6.2
import Foundation
import PackageDescription

/// `PGCLIENT_ONLY=1` leaves a package of the database client and its tests alone, so that a build under a sanitizer takes a minute, not ten.
let clientOnly = ProcessInfo.processInfo.environment["PGCLIENT_ONLY"] == "1"

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
]

var targets: [Target] = [
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(
        name: "PGClient",
        dependencies: [
            "CLibPQ",
            .product(name: "Logging", package: "swift-log"),
            .product(name: "DequeModule", package: "swift-collections"),
            .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ],
        swiftSettings: settings
    ),
    .target(
        name: "PostgresCluster",
        dependencies: [
            .product(name: "Logging", package: "swift-log"), .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
        ],
        swiftSettings: settings
    ),
    .target(name: "Randomness", swiftSettings: settings),
    .target(
        name: "TestSupport",
        dependencies: [
            "PGClient", "PostgresCluster", "Randomness", .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ],
        path: "Tests/TestSupport",
        swiftSettings: settings
    ),
    .testTarget(
        name: "PGClientTests",
        dependencies: [
            "PGClient", "PostgresCluster", "TestSupport", .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
        ],
        swiftSettings: settings
    ),
]

if !clientOnly {
    dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ]
    targets += [
        .target(
            name: "ProductCatalog",
            dependencies: [
                "PGClient", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Billing",
            dependencies: [
                "PGClient", "ProductCatalog",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(name: "CMarketFiles"),
        .target(name: "MarketSchema", dependencies: ["CMarketFiles", "PGClient"], swiftSettings: settings),
        .executableTarget(
            name: "MarketServer",
            dependencies: [
                "Billing", "MarketSchema", "PGClient", "PostgresCluster", "ProductCatalog", "Randomness",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProductCatalogTests",
            dependencies: ["ProductCatalog", "MarketSchema", "PGClient", "TestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "BillingTests",
            dependencies: [
                "Billing", "MarketSchema", "ProductCatalog", "PGClient", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("vectors")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "MarketServerTests",
            dependencies: [
                "MarketServer", "Billing", "MarketSchema", "PostgresCluster", "ProductCatalog", "PGClient", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),
    ]
}

/// `MARKET_BENCHMARKS=1` adds the benchmarks, which nobody needs who only builds and tests.
if !clientOnly, ProcessInfo.processInfo.environment["MARKET_BENCHMARKS"] == "1" {
    targets += [
        .target(name: "CBlockingPQ", dependencies: ["CLibPQ"], path: "Benchmarks/CBlockingPQ"),
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "CBlockingPQ", "PGClient", "PostgresCluster",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks",
            exclude: ["CBlockingPQ"],
            swiftSettings: settings
        ),
    ]
}

/// `MARKET_CHAOS=1` adds what `make chaos` runs: faults against the built program.
if !clientOnly, ProcessInfo.processInfo.environment["MARKET_CHAOS"] == "1" {
    targets.append(
        .executableTarget(
            name: "Chaos",
            dependencies: [
                "MarketSchema", "PGClient", "PostgresCluster", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "Tests/Chaos",
            swiftSettings: settings
        ))
}

let package = Package(
    name: "market",
    platforms: [.macOS(.v15)],
    products: clientOnly
        ? [.library(name: "PGClient", targets: ["PGClient"])]
        : [.executable(name: "market", targets: ["MarketServer"]), .library(name: "PGClient", targets: ["PGClient"])],
    dependencies: dependencies,
    targets: targets
)
