/// Which of the accepted events touch each window.
struct EventsOfWindows {
    /// Places of events, those of one window after those of the one before it.
    private var events: [Int]
    /// Of each window: where its events begin; and at last, where all end.
    private var starts: [Int]

    init(_ judgement: Judgement, touching touched: TouchedWindows) {
        let accepted = judgement.verdicts.indices.filter { if case .accepted = judgement.verdicts[$0] { true } else { false } }
        var starts = Array(repeating: 0, count: touched.keys.count + 1)
        for submission in accepted {
            for window in touched[submission] { starts[window + 1] += 1 }
        }
        for window in touched.keys.indices { starts[window + 1] += starts[window] }
        var events = Array(repeating: 0, count: starts[touched.keys.count])
        var next = starts
        for (event, submission) in accepted.enumerated() {
            for window in touched[submission] {
                events[next[window]] = event
                next[window] += 1
            }
        }
        (self.events, self.starts) = (events, starts)
    }

    /// Events, each as often as it touches a window.
    var count: Int { events.count }

    subscript(window: Int) -> ArraySlice<Int> { events[starts[window]..<starts[window + 1]] }
}
