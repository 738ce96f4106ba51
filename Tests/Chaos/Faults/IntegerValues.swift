extension Integers {
    /// As JSON has them, and as it must not have them.
    static let values: [String] = {
        // Each limit of a width, of a double's integers and of the rules (100 years, 2015), with its neighbours, both signs.
        let limits = [
            "32767", "65535", "2147483647", "4294967295", "1420070400000", "3153600000000", "9007199254740991", "9223372036854775806",
        ]
        let powers = ["18446744073709551615", "18446744073709551616", "340282366920938463463374607431768211456"]
        let near = ["9223372036854775807", "9223372036854775808", "9223372036854775809", "9223372036854775810"]
        let around =
            limits.flatMap { limit in [limit] + (Int64(limit).map { ["\($0 + 1)", "\($0 - 1)"] } ?? []) } + powers + near + ["0", "1", "2"]
        let digits = String(repeating: "9", count: 400)
        return around + around.map { "-\($0)" } + [
            digits, "-\(digits)", "0.\(digits)", "1\(String(repeating: "0", count: 399))", "-0.0", "0.0", "1.0", "1.5", "-1.5", "1e0",
            "1e3",
            "1E3", "1e+3", "1e-3", "9e18", "1e19", "-1e19", "1e308", "1e309", "-1e400", "1e-400", "1e9999999999999999999",
            "0e99999999999999999999", "9223372036854775807.0", "9223372036854775807.5", "9007199254740993.0", "00", "01", "-01", "+1", ".5",
            "5.",
            "1e", "--1", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "null", "true", "[]", "{}", "\"1\"", "\"\"",
            "\"9223372036854775808\"", "\"\(digits)\"", "１", " 1", "1 ",
        ]
    }()
}
