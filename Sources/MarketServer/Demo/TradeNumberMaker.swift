/// Trade numbers as the hosted platform makes them: the time in Shanghai to the millisecond, and ten digits.
enum TradeNumberMaker {
    static func make(at time: Int64, serial: Int) -> String {
        let local = time + 8 * 3_600_000
        let (days, rest) = (local / 86_400_000, local % 86_400_000)
        let (year, month, day) = civil(days)
        return pad(year, 4) + pad(month, 2) + pad(day, 2) + pad(rest / 3_600_000, 2) + pad(rest / 60_000 % 60, 2)
            + pad(rest / 1_000 % 60, 2)
            + pad(rest % 1_000, 3) + pad(Int64(serial), 10)
    }

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: Swift.max(width - digits.count, 0)) + digits
    }

    /// The Gregorian date of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
