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
    /// - Throws: `MalformedFields` that name each member which is missing or of another type.
    public init(_ json: JSONObject, at pointer: String = "") throws(MalformedFields) {
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
