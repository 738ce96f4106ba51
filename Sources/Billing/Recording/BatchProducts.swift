/// The products that a batch is about: each once, with a number, which each submission has instead of it from then on.
struct BatchProducts {
    private(set) var references: [ProductReference] = []
    /// Of each submission: the place of its product in `references`.
    private(set) var numbers: [Int] = []

    init(_ submissions: [Submission]) {
        var known: [ProductReference: Int] = [:]
        numbers.reserveCapacity(submissions.count)
        for submission in submissions {
            let reference = ProductReference(submission)
            let number = known[reference] ?? references.count
            if number == references.count {
                known[reference] = number
                references.append(reference)
            }
            numbers.append(number)
        }
    }
}
