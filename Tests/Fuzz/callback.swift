import Billing
import ProductCatalog

/// A callback and what becomes of it: a payment event that keeps every rule of the border, or the rules that it breaks; never a trap.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCallback(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    let body = input.remainder()
    do throws(Callback.Malformed) {
        guard case .orderPay(let message) = try Callback(body) else { return 0 }
        judge(message)
    } catch {
        require(!error.detail.isEmpty, "a malformed callback is told why")
    }
    return 0
}

/// 2026-01-01: the verdict on an input must not change from day to day.
private let now = Instant(milliseconds: 1_767_225_600_000)

private func judge(_ message: OrderPay) {
    do throws(InvalidFields) {
        let event = try PaymentEvent(message, product: MessageProduct.ID(rawValue: 9), now: now)
        let centuryOfMilliseconds: Int64 = 100 * 365 * 24 * 3_600_000
        require(event.createTime.milliseconds >= 1_420_070_400_000, "no event before 2015")
        require(event.createTime.milliseconds <= now.milliseconds + 300_000, "no event more than five minutes ahead")
        require(event.addTime.milliseconds.magnitude <= UInt64(centuryOfMilliseconds), "no more than 100 years")
        require(event.amount.fen.magnitude < 1 << 53, "no amount that a Double loses digits of")
        switch event.kind {
        case .payment: require(event.addTime > .zero && event.amount >= .zero && message.type == 1, "a payment gives time and takes money")
        case .refund: require(event.addTime <= .zero && event.amount <= .zero && message.type == 2, "a refund takes time and gives money")
        }
        require(isWord(event.tradeNumber.text, "_-|*@", 6...64) && isWord(event.uid.text, "_-.@|*:", 1...64), "names have their characters")
        require(event.tradeNumber.text == message.tradeNo && event.uid.text == message.uid, "nothing is rewritten")
        let window = PaidWindow(folding: [event, event])
        require((window.payEndTime == .never) == (event.kind == .refund), "one payment holds time, one refund holds none")
    } catch {
        require(!error.violations.isEmpty && error.violations.allSatisfy { !$0.detail.isEmpty }, "an invalid message is told why")
    }
}

private func isWord(_ text: String, _ signs: String, _ length: ClosedRange<Int>) -> Bool {
    length.contains(text.unicodeScalars.count)
        && text.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || signs.unicodeScalars.contains($0))
        }
}
