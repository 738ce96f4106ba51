import ProductCatalog

/// Reads members of an object by name and type, and gathers what is missing or of another type.
public struct JSONFields {
    private let object: JSONObject
    private let pointer: String
    private var check = FieldCheck()

    public init(_ object: JSONObject, at pointer: String = "") {
        self.object = object
        self.pointer = pointer
    }

    /// The value, nil when it is absent or null.
    public func value(_ name: String) -> JSONValue? {
        switch object[name] {
        case nil, .null: nil
        case .some(let value): value
        }
    }

    /// Whether the member is there, be it null.
    public func has(_ name: String) -> Bool { object[name] != nil }

    public mutating func fail(_ name: String, _ detail: String) {
        check.fail("\(pointer)/\(name)", detail)
    }

    public mutating func integer(_ name: String) -> Int64? {
        require(name, optionalInteger(name))
    }

    public mutating func string(_ name: String) -> String? {
        require(name, optionalString(name))
    }

    public mutating func optionalInteger(_ name: String) -> Int64? {
        guard let value = value(name) else { return nil }
        if case .integer(let integer) = value { return integer }
        fail(name, "an integer of at most 9007199254740991 is due, this is \(value.kind)")
        return nil
    }

    public mutating func optionalString(_ name: String) -> String? {
        guard let value = value(name) else { return nil }
        if case .string(let string) = value { return string }
        fail(name, "a string is due, this is \(value.kind)")
        return nil
    }

    public mutating func array(_ name: String) -> [JSONValue]? {
        guard let value = value(name) else { return require(name, nil) }
        if case .array(let array) = value { return array }
        fail(name, "an array is due, this is \(value.kind)")
        return nil
    }

    public mutating func object(_ name: String) -> JSONObject? {
        guard let value = value(name) else { return require(name, nil) }
        if case .object(let object) = value { return object }
        fail(name, "an object is due, this is \(value.kind)")
        return nil
    }

    private mutating func require<Value>(_ name: String, _ value: Value?) -> Value? {
        if value == nil, self.value(name) == nil { fail(name, "missing") }
        return value
    }

    /// - Throws: `MalformedFields` with all that was gathered.
    public func finish() throws(MalformedFields) {
        if !check.violations.isEmpty { throw MalformedFields(check.violations) }
    }
}
