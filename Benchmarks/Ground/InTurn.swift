/// Lets the sides of a comparison go one after another: as they stand in odd runs, the other way round in even ones. What one leaves behind, in caches
/// and on the disk, then meets each of them.
func inTurn(_ run: Int, _ sides: [() throws -> Void]) throws {
    for side in run.isMultiple(of: 2) ? sides.reversed() : sides { try side() }
}

/// How long a side is under its load before it is measured, in seconds: connections open and caches fill.
func warmUp(of seconds: Int) -> Int { max(1, seconds / 4) }
