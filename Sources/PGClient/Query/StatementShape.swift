/// What the server says of a statement without running it. For the tests that hold every statement to the migrated schema.
package struct StatementShape: Sendable {
    package struct Column: Sendable {
        package let name: String
        package let type: UInt32
        /// The table that it is a column of, 0 for a computed one.
        package let table: UInt32
        /// Its number there, from 1.
        package let number: Int
    }

    /// The types of `$1 …`, in order.
    package let parameters: [UInt32]
    package let columns: [Column]
}
