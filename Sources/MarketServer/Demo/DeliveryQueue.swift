import HeapModule

/// Deliveries by their turn; of one turn in the order in which they came in.
struct DeliveryQueue {
    private struct Delivery: Comparable {
        let turn: Int
        let serial: Int
        let json: String

        static func < (left: Delivery, right: Delivery) -> Bool { (left.turn, left.serial) < (right.turn, right.serial) }
    }

    private var heap: Heap<Delivery> = []
    private var serial = 0

    var isEmpty: Bool { heap.isEmpty }
    /// The first turn that something waits for; the last number there is when nothing does.
    var soonest: Int { heap.min?.turn ?? .max }

    mutating func insert(_ json: String, at turn: Int) {
        serial += 1
        heap.insert(Delivery(turn: turn, serial: serial, json: json))
    }

    mutating func popSoonest() -> String? {
        heap.popMin()?.json
    }
}
