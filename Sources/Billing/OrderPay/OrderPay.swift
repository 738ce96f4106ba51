import ProductCatalog

/// The data of an `order_pay` callback as its sender wrote it: right in shape, its rules not looked at, its product not known yet.
public struct OrderPay: Sendable, Equatable {
    public var addTime: Int64
    public var amount: Int64
    public var appId: Int64
    public var createTime: Int64
    public var prodId: Int64
    public var tradeNo: String
    public var type: Int64
    public var uid: String
    /// Ours: the payment that a refund is about. The hosted platform does not send it.
    public var payTradeNo: String?

    public init(
        addTime: Int64, amount: Int64, appId: Int64, createTime: Int64, prodId: Int64, tradeNo: String, type: Int64, uid: String,
        payTradeNo: String? = nil
    ) {
        self.addTime = addTime
        self.amount = amount
        self.appId = appId
        self.createTime = createTime
        self.prodId = prodId
        self.tradeNo = tradeNo
        self.type = type
        self.uid = uid
        self.payTradeNo = payTradeNo
    }

    /// Reads the members of a data object; others are ignored, as the platform asks of those whom it calls.
    ///
    /// - Throws: `InvalidFields` that name each member which is missing or of another type.
    public init(_ json: JSONObject, at pointer: String = "") throws(InvalidFields) {
        var fields = JSONFields(json, at: pointer)
        addTime = fields.integer("addTime") ?? 0
        amount = fields.integer("amount") ?? 0
        appId = fields.integer("appId") ?? 0
        createTime = fields.integer("createTime") ?? 0
        prodId = fields.integer("prodId") ?? 0
        tradeNo = fields.string("tradeNo") ?? ""
        type = fields.integer("type") ?? 0
        uid = fields.string("uid") ?? ""
        payTradeNo = fields.optionalString("payTradeNo")
        try fields.finish()
    }
}

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

    public func finish() throws(InvalidFields) {
        try check.finish()
    }
}
