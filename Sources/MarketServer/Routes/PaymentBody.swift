import Billing
import ProductCatalog

/// What a payment event says, wherever one is shown.
struct PaymentBody: Encodable, Sendable {
    let tradeNo: String
    @Nullable var payTradeNo: String?
    let type: Int16
    let productId: Int64
    let amount: Int64
    let addTime: Int64
    let createTime: Int64
    let recordedAt: Int64

    init(_ event: PaymentEvent, recordedAt instant: Instant) {
        tradeNo = event.tradeNumber.text
        _payTradeNo = Nullable(wrappedValue: event.payTradeNumber?.text)
        type = event.kind.rawValue
        productId = event.productID.rawValue
        amount = event.amount.fen
        addTime = event.addTime.milliseconds
        createTime = event.createTime.milliseconds
        recordedAt = instant.milliseconds
    }
}
